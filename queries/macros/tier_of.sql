-- How sure a cause is: A pod and phase certain by id and by a line in words, B pod known through a line matched by time,
-- C client and cluster data only, D only possible. `findings.verdicts` lowers C to D where several causes remain.
create or replace macro tier_of(linked_by, matched_by, evidence, is_certain) as
case
    when not is_certain then 'D'
    -- Several lines may tell of the request, and they do not tell the same.
    when matched_by = 'doubt' then 'D'
    when linked_by <> 'address' then 'C'
    when matched_by in ('self', 'id') and evidence in ('words', 'flags') then 'A'
    else 'B'
end
