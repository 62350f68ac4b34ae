-- Attempts that waited in vain while other requests took a whole number of seconds longer than usual, and few anything
-- between: what a lost first packet does, that is sent again after 1, 3 and 7 s (newer kernels: each second at first).
-- Who only waits for a slow application takes all times between.
--
-- Kind:     table
-- Grain:    one row per such attempt
-- Reads:    timeline.vain_waits, staging.requests, staging.source_clocks
-- Needs:    timeline.vain_waits
-- Params:
--   fewest_resent  BIGINT  3  So many answers that came whole seconds late make it a pattern.
--   resent_slack_ms  BIGINT  60  They took at most this longer than whole seconds.
--
-- Columns:
--   request_id    VARCHAR  Key of timeline.attempts.
--   attempt       INTEGER  Number of the try.
--   resent_count  BIGINT   Good answers near it that came whole seconds late.
--   between_count BIGINT   Good answers near it that took long, and no whole number of seconds.
with stretches as (
    select
        vain_waits.stretch_count,
        min(vain_waits.started_ns) - 1000000000 as from_ns,
        max(vain_waits.started_ns) + 4000000000 as until_ns
    from timeline.vain_waits
    group by vain_waits.stretch_count
),

late_answers as (
    select
        requests.started_at_ns - (source_clocks.offset_lo_ns + source_clocks.offset_hi_ns) // 2 as started_ns,
        (
            requests.ended_at_ns - requests.started_at_ns >= 1000000000
            and (requests.ended_at_ns - requests.started_at_ns) % 1000000000
            <= 1000000 * getvariable('resent_slack_ms')
        ) as is_resent
    from staging.requests
    inner join staging.source_clocks on requests.source_id = source_clocks.source_id
    where
        not requests.is_failed
        and requests.ended_at_ns - requests.started_at_ns >= 300000000
),

counted as (
    select
        stretches.stretch_count,
        count(*) filter (where late_answers.is_resent) as resent_count,
        count(*) filter (where not late_answers.is_resent) as between_count
    from stretches
    inner join late_answers
        on late_answers.started_ns between stretches.from_ns and stretches.until_ns
    group by stretches.stretch_count
)

select
    vain_waits.request_id,
    vain_waits.attempt,
    counted.resent_count,
    counted.between_count
from timeline.vain_waits
inner join counted on vain_waits.stretch_count = counted.stretch_count
where
    counted.resent_count >= getvariable('fewest_resent')
    and counted.between_count * 4 <= counted.resent_count
