-- How sure a cause is that no pod's life decides but the words of a line: A in words and by id, B in words or fields of a
-- line found otherwise, C by the client's words alone.
create or replace macro tier_of_line(matched_by, evidence) as
case
    when matched_by is null then 'C'
    when matched_by = 'doubt' then 'D'
    when matched_by in ('self', 'id') and evidence in ('words', 'flags') then 'A'
    else 'B'
end
