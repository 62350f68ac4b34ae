-- Whether what ended within one interval may have ended while a proxy reloaded, or until `after_ns` later; of a reload
-- whose end nobody saw its begin counts.
create or replace macro ended_in_reload(ended_lo_ns, ended_hi_ns, began_lo_ns, done_hi_ns, after_ns) as
ended_hi_ns >= began_lo_ns and ended_lo_ns <= coalesce(done_hi_ns, began_lo_ns) + after_ns
