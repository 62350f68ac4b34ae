-- The k-th entry of a comma list as nginx writes it, `a, b : c`; null for `-` and where the list is shorter.
create or replace macro list_entry(entries, place) as
nullif(nullif(trim(regexp_split_to_array(entries, ' *, *| +: +')[place]), '-'), '')
