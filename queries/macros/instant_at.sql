-- The middle of an interval of nanoseconds as an instant (microseconds).
create or replace macro instant_at(lo_ns, hi_ns) as
make_timestamptz((lo_ns // 2 + hi_ns // 2) // 1000)
