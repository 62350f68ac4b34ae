-- What Envoy's response flags or HAProxy's termination state say went wrong, in one word; null when nothing.
create or replace macro symptom_of_flags(flags, details) as
case
    when flags is null or flags in ('-', '--', '----') then null
    when regexp_matches(flags, '(^|,)(UH|NC)(,|$)') then 'no_endpoints'
    when regexp_matches(flags, '(^|,)NR(,|$)') then 'no_route'
    when regexp_matches(flags, '(^|,)RL(,|$)') then 'rate_limited'
    when regexp_matches(flags, '(^|,)UF(,|$)')
        then case
            when regexp_matches(coalesce(details, ''), '(?i)refused|\b111\b') then 'refused'
            when
                regexp_matches(
                    coalesce(details, ''), '(?i)timeout|timed|\b110\b|\b113\b|no_route|unreachable'
                )
                then 'unreachable'
            else 'refused'
        end
    when regexp_matches(flags, '(^|,)(UC|UR|LR)(,|$)') then 'reset'
    when regexp_matches(flags, '(^|,)UPE(,|$)') then 'truncated'
    when regexp_matches(flags, '(^|,)UT(,|$)') then 'read_timeout'
    when regexp_matches(flags, '(^|,)(UO|OM)(,|$)') then 'overload'
    when regexp_matches(flags, '(^|,)(DC|DPE)(,|$)') then 'client_closed'
    when starts_with(flags, 'SC') then 'refused'
    when starts_with(flags, 'sC') then 'unreachable'
    when starts_with(flags, 'SH') then 'reset'
    when starts_with(flags, 'sH') then 'read_timeout'
    when regexp_matches(flags, '^[sS][DL]') then 'truncated'
    when starts_with(flags, 'C') or starts_with(flags, 'c') then 'client_closed'
    when starts_with(flags, 'sQ') or starts_with(flags, 'PC') then 'overload'
end
