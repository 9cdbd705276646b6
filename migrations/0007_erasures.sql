-- What was deleted stays deleted when a backup is restored: each thing that people can have erased
-- has a random name of its own, and its deletion is noted under that name. Nothing in the journal
-- says who or what it was; without a backup that still has the row, it says nothing at all.
alter table account add column uid uuid not null default gen_random_uuid();
alter table event add column uid uuid not null default gen_random_uuid();
alter table guest add column uid uuid not null default gen_random_uuid();
alter table selfie add column uid uuid not null default gen_random_uuid();
alter table photo add column uid uuid not null default gen_random_uuid();

create table erasure (
    uid       uuid primary key,
    kind      text not null check (kind in ('account', 'event', 'guest', 'selfie', 'photo')),
    erased_at timestamptz not null default now()
);
create index erasure_time on erasure (erased_at);

-- Triggers, since whoever deletes must not have to think of it. What goes with its event or with
-- its guest goes with it again after a restore, and needs no row of its own.
create function note_erasure() returns trigger language plpgsql as $$
begin
    if tg_table_name in ('account', 'event') then
        insert into erasure (uid, kind) select uid, tg_table_name from gone
            on conflict do nothing;
    elsif tg_table_name = 'selfie' then
        insert into erasure (uid, kind) select uid, 'selfie' from gone
         where guest_id in (select id from guest) on conflict do nothing;
    else
        insert into erasure (uid, kind) select uid, tg_table_name from gone
         where event_id in (select id from event) on conflict do nothing;
    end if;
    return null;
end
$$;

create trigger note_erasure after delete on account
    referencing old table as gone for each statement execute function note_erasure();
create trigger note_erasure after delete on event
    referencing old table as gone for each statement execute function note_erasure();
create trigger note_erasure after delete on guest
    referencing old table as gone for each statement execute function note_erasure();
create trigger note_erasure after delete on selfie
    referencing old table as gone for each statement execute function note_erasure();
create trigger note_erasure after delete on photo
    referencing old table as gone for each statement execute function note_erasure();
