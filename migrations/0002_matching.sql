-- What a guest says of a photo; it wins over what the machine found, and nothing overwrites it.
create table verdict (
    guest_id   bigint not null references guest on delete cascade,
    photo_id   bigint not null references photo on delete cascade,
    says       text not null check (says in ('me', 'not_me')),
    -- which face it is, where that is known; a re-index keeps the row of a face that is seen again
    face_id    bigint references face on delete set null,
    created_at timestamptz not null default now(),
    primary key (guest_id, photo_id)
);
create index verdict_photo on verdict (photo_id);
create index verdict_face on verdict (face_id);

-- A guest is looked for from selfies, from faces they confirmed, and from strong matches (hops).
alter table reference
    alter column selfie_id drop not null,
    add column kind text not null default 'selfie' check (kind in ('selfie', 'confirmed', 'hop')),
    add column face_id bigint references face on delete cascade,
    -- what a hop hangs on: it goes with the reference whose match it was
    add column parent_id bigint references reference on delete cascade,
    add constraint reference_source check (num_nonnulls(selfie_id, face_id) = 1),
    add constraint reference_hop check ((kind = 'hop') = (parent_id is not null)),
    add constraint reference_face unique (guest_id, face_id);
create index reference_parent on reference (parent_id);
create index reference_of_face on reference (face_id);

-- A selfie that replaces the earlier ones does so once it is searched; others join them.
alter table selfie add column replaces boolean not null default true;

-- A re-index builds a second collection beside the first, and is switched in one transaction.
alter table event
    add column generation integer not null default 0,
    -- which engine holds the collection: `embedded`, or `aws:<region>`
    add column engine text,
    add column next_collection_id text;
-- found under an earlier generation: shown until the sweep after the switch is through
alter table match add column generation integer not null default 0;

create table reindexed (
    event_id  bigint not null references event on delete cascade,
    photo_id  bigint references photo on delete cascade,
    selfie_id bigint references selfie on delete cascade,
    collection_id text not null,
    result    jsonb not null,
    check (num_nonnulls(photo_id, selfie_id) = 1),
    unique (collection_id, photo_id),
    unique (collection_id, selfie_id)
);
create index reindexed_photo on reindexed (photo_id);
create index reindexed_selfie on reindexed (selfie_id);
create index reindexed_event on reindexed (event_id);

create unique index job_reindex_event on job (event_id)
    where kind = 'reindex_event' and state in ('queued', 'running');

-- What was asked of the engine, by month: the bill.
create table usage (
    month         date not null,
    collection_id text not null,
    event_id      bigint references event on delete set null,
    operation     text not null,
    paid          boolean not null,
    calls         bigint not null,
    primary key (month, collection_id, operation, paid)
);
create index usage_event on usage (event_id);

-- The faces of an event by person, as matching joined them and as admins corrected it.
create table person (
    id         bigint generated always as identity primary key,
    event_id   bigint not null references event on delete cascade,
    guest_id   bigint references guest on delete set null,
    name       text,
    hidden     boolean not null default false,
    created_at timestamptz not null default now(),
    unique (event_id, guest_id)
);
create table person_face (
    face_id   bigint primary key references face on delete cascade,
    person_id bigint not null references person on delete cascade,
    -- put there by an admin: grouping leaves it alone
    fixed     boolean not null default false
);
create index person_face_person on person_face (person_id);
