-- Nanoseconds since 1970 of an RFC 3339 time in UTC; null when it is none.
create or replace macro second_ns(instant) as
case when ends_with(instant, 'Z') then epoch_ns(try_cast(instant as timestamp_ns)) end
