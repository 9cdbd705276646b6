-- What operators steer and see: the queue's control and totals, each job's history, the audit log,
-- and webhooks.

-- Control of the queue ---------------------------------------------------------------------------

-- What an admin set while the services run; every process follows, and a restart keeps it.
create table control (
    only_row    boolean primary key default true check (only_row),
    paused      boolean not null default false,
    -- of each process; null: as the settings say
    workers     integer check (workers between 1 and 64),
    concurrency integer check (concurrency between 1 and 1000)
);
insert into control default values;

-- Totals -----------------------------------------------------------------------------------------

-- How many jobs there ever were, those too that are pruned or went with their event. Each
-- connection adds to a row of its own, so that nobody ever waits for another; 0 is where the rows
-- are folded into.
create table job_tally (
    backend  integer primary key,
    enqueued bigint not null default 0,
    done     bigint not null default 0
);
insert into job_tally (backend, enqueued, done)
select 0, count(*), count(*) filter (where state = 'done') from job;

-- A job's history. Written by triggers: whatever moves a job, its step is noted with it.
create table job_step (
    job_id bigint not null references job on delete cascade,
    at     timestamptz not null default clock_timestamp(),
    -- the state it came to
    what   text not null,
    detail text
);
create index job_step_job on job_step (job_id, at);

create function note_new_jobs() returns trigger language plpgsql as $$
begin
    insert into job_tally as tally (backend, enqueued, done)
    select pg_backend_pid(), count(*), count(*) filter (where state = 'done')
      from made having count(*) > 0
    on conflict (backend) do update
       set enqueued = tally.enqueued + excluded.enqueued, done = tally.done + excluded.done;
    insert into job_step (job_id, what) select id, state from made;
    return null;
end $$;
create trigger job_made after insert on job
    referencing new table as made for each statement execute function note_new_jobs();

create function note_job_step() returns trigger language plpgsql as $$
begin
    if new.state = 'done' then
        insert into job_tally as tally (backend, done) values (pg_backend_pid(), 1)
        on conflict (backend) do update set done = tally.done + 1;
    end if;
    insert into job_step (job_id, what, detail)
    values (new.id, new.state, case
        when new.state = 'running' then 'attempt ' || (new.attempts - new.interruptions)
        when old.state = 'failed' then 'retried'
        when new.interruptions > old.interruptions then coalesce(new.error, 'interrupted')
        else new.error
    end);
    return null;
end $$;
create trigger job_moved after update of state on job for each row
    when (old.state is distinct from new.state) execute function note_job_step();

-- what the operator's screen asks every few seconds, and what is pruned
create index job_active on job (created_at) where state in ('queued', 'running');
create index job_finished on job (finished_at) where state = 'done';

-- Audit ------------------------------------------------------------------------------------------

-- What admins did, and what was deleted; no names, and no ids of guests.
create table audit (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    -- null: the account is deleted, or nobody did it (an event's time was over, a guest left)
    actor_id bigint references account on delete set null,
    action   text not null,
    -- a plain number: the event may be gone
    event_id bigint,
    -- of what the action's name says: photo, upload token, job, webhook
    subjects bigint[] not null default '{}',
    detail   jsonb not null default '{}'
);
create index audit_actor on audit (actor_id);
create index audit_event on audit (event_id, id);

-- Webhooks ---------------------------------------------------------------------------------------

create table webhook (
    id         bigint generated always as identity primary key,
    url        text not null,
    -- what deliveries are signed with: needed as it is
    secret     text not null,
    topics     text[] not null check (cardinality(topics) > 0),
    active     boolean not null default true,
    created_at timestamptz not null default now()
);

-- A durable queue of its own: receivers that hang must not hold workers.
create table webhook_delivery (
    id          bigint generated always as identity primary key,
    webhook_id  bigint not null references webhook on delete cascade,
    topic       text not null,
    -- a plain number: an event that is gone was announced all the same
    event_id    bigint,
    data        jsonb not null,
    state       text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed')),
    attempts    integer not null default 0,
    status      integer,
    -- why the last attempt failed, with the beginning of the answer
    error       text check (length(error) <= 500),
    created_at  timestamptz not null default now(),
    -- while an attempt is under way: when another may be made should this process vanish
    next_at     timestamptz not null default now(),
    finished_at timestamptz
);
create index webhook_delivery_due on webhook_delivery (next_at) where state = 'waiting';
create index webhook_delivery_list on webhook_delivery (webhook_id, id);
create index webhook_delivery_finished on webhook_delivery (finished_at) where state <> 'waiting';
-- photos that become ready together are told together
create unique index webhook_delivery_batch on webhook_delivery (webhook_id, event_id)
    where topic = 'photo.ready' and state = 'waiting' and attempts = 0;

-- The `expires_at` that was warned of.
alter table event add column warned_of timestamptz;
