-- Personal links: whoever comes by one has its name, and is admitted at once. A link works for one
-- guest; the row, and with it the name, goes when it is used or withdrawn, and with its event.
create table invitation (
    id         bigint generated always as identity primary key,
    event_id   bigint not null references event on delete cascade,
    name       text not null check (name <> ''),
    -- SHA-256 of the token in the link
    token_hash bytea not null unique,
    created_at timestamptz not null default now(),
    -- the journal of deletions names it by this: a restore must not bring back a link
    uid        uuid not null default gen_random_uuid()
);
create index invitation_event on invitation (event_id, id);
-- ANALYZE would keep samples of names (see migrations/0021)
alter table invitation alter column name set statistics 0;

alter table erasure drop constraint erasure_kind_check;
alter table erasure add constraint erasure_kind_check
    check (kind in ('account', 'event', 'guest', 'selfie', 'photo', 'invitation'));
create trigger note_erasure after delete on invitation
    referencing old table as gone for each statement execute function note_erasure();
