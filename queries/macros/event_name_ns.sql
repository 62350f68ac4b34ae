-- Nanoseconds in the name of an Event, `object.18eab8d48087bf7d`: the emitter's clock when it first happened.
-- Null for names that an emitter without this habit made.
create or replace macro event_name_ns(event_name) as
case
    when regexp_matches(event_name, '[.]1[0-9a-f]{15}$')
        then try_cast('0x' || right(event_name, 16) as bigint)
end
