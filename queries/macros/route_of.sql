-- The path of a URL, without host, query and fragment.
create or replace macro route_of(url) as
regexp_replace(regexp_replace(url, '^[a-z][a-z0-9+.-]*://[^/?#]*', ''), '[?#].*$', '')
