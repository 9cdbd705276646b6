-- What deleted rows leave in the database's files (docs/privacy.md, findme/privacy/raw_traces.py).

-- Selfies have a table of their own: it is rewritten after an erasure, which would take too long
-- with the photos in it.
create table selfie_chunk (
    image_id bigint not null references image on delete cascade,
    number   integer not null,
    bytes    bytea not null,
    primary key (image_id, number)
);
alter table selfie_chunk alter column bytes set storage external;
insert into selfie_chunk (image_id, number, bytes)
select image_id, number, bytes from image_chunk join image on image.id = image_id
 where selfie_id is not null;
delete from image_chunk using image where image.id = image_id and selfie_id is not null;

-- ANALYZE keeps common values of a column, and samples of all: names and addresses would outlive
-- their rows in pg_statistic. Setting the type, even the same one, drops what it has kept.
alter table account
    alter column name type text, alter column name set statistics 0,
    alter column email type text, alter column email set statistics 0,
    alter column password_hash type text, alter column password_hash set statistics 0;
alter table email_confirmation
    alter column email type text, alter column email set statistics 0;
alter table report alter column note type text, alter column note set statistics 0;
alter table person alter column name type text, alter column name set statistics 0;
alter table push_subscription
    alter column endpoint type text, alter column endpoint set statistics 0,
    alter column p256dh type text, alter column p256dh set statistics 0,
    alter column auth type text, alter column auth set statistics 0;

alter table receipt
    -- when the tables were rewritten, so that their files hold nothing of the deleted rows
    add column rewritten_at timestamptz,
    -- `files`: the write-ahead log too, so no file of the database has it; `tables`: the log of a
    -- server that is not ours may have it still
    add column rewritten text check (rewritten in ('files', 'tables')),
    add constraint receipt_rewritten check ((rewritten is null) = (rewritten_at is null));
create index receipt_unwritten on receipt (id) where rewritten_at is null;

-- Whoever deletes, the job that removes the traces is there with the deletion; at most one waits.
-- At the commit, when the transaction has all its locks: waiting for another one's job, which has
-- the same key, cannot deadlock then.
create function enqueue_remove_traces() returns trigger language plpgsql as $$
begin
    insert into job (kind, label, priority, run_at, dedupe_key)
    values ('remove_traces', 'remove traces', 1, now() + interval '5 seconds', 'remove_traces')
    on conflict (dedupe_key) where dedupe_key is not null
            and (state = 'queued' or state = 'running' and dedupe_running)
    do nothing;
    return null;
end
$$;
create constraint trigger enqueue_remove_traces after insert on erasure
    deferrable initially deferred for each row execute function enqueue_remove_traces();
