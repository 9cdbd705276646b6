-- Somebody who is no guest shows a selfie once, and photos of them wait for the organiser. The row
-- goes with its selfie when the photos are compared (findme/jobs/keep_out_job.py).
create table keep_out (
    id         bigint generated always as identity primary key,
    event_id   bigint not null references event on delete cascade,
    jpeg       bytea not null,
    -- compared with the photos from the newest down to this one
    down_to    bigint,
    -- photos that were found so far
    found      integer not null default 0,
    created_at timestamptz not null default now()
);
create index keep_out_event on keep_out (event_id);
-- no sample of it outlives it in pg_statistic, and its bytes are stored as they came
alter table keep_out alter column jpeg set statistics 0, alter column jpeg set storage external;

alter table report drop constraint report_reason_check,
    add constraint report_reason_check
        check (reason in ('of_me', 'private', 'offensive', 'other', 'keep_out'));
