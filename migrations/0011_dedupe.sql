-- At most one waiting job for each key, as a rule of the table: a sweep, a re-index and a grouping for
-- each event, a notice for each guest. Before, two kinds had an index each, two a check in the code.

alter table job
    -- null: any number of such jobs may wait
    add column dedupe_key text,
    -- the key is held while the job runs, too; else another job may wait by then
    add column dedupe_running boolean not null default false;

drop index job_match_event;
drop index job_reindex_event;

with keyed as (
    select id, state,
           kind || ':' || case kind when 'notify_guest' then payload->>'guest_id'
                          else event_id::text end as dedupe_key,
           kind in ('reindex_event', 'group_faces') as dedupe_running
      from job
     where kind in ('match_event', 'reindex_event', 'group_faces', 'notify_guest')
       and state <> 'done'),
holding as (
    select *, state = 'queued' or state = 'running' and dedupe_running as holds from keyed),
numbered as (
    select *, row_number() over (partition by dedupe_key, holds order by id) as number from holding)
update job set dedupe_key = numbered.dedupe_key, dedupe_running = numbered.dedupe_running
  from numbered
    -- if two wait already, the second one goes without a key
 where job.id = numbered.id and (not holds or number = 1);

create unique index job_dedupe on job (dedupe_key)
    where dedupe_key is not null and (state = 'queued' or state = 'running' and dedupe_running);
