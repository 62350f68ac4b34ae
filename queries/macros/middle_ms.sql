-- From the middle of one interval of nanoseconds to the middle of another, ms.
create or replace macro middle_ms(from_lo_ns, from_hi_ns, to_lo_ns, to_hi_ns) as
((to_lo_ns - from_hi_ns) + (to_hi_ns - from_lo_ns)) / 2e6
