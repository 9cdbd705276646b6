-- When an event's matching closes: from then on nobody joins, or a month has passed. The vectors of
-- faces on its photos go then (docs/privacy.md).
create view matching_close as
select id as event_id,
       coalesce(closes_at, coalesce(starts_at, created_at) + interval '30 days') as closes_at
  from event;
