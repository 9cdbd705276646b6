-- What an erasure removed and whether anything is left; nothing in it says whose it was.
create table receipt (
    id         bigint generated always as identity primary key,
    -- SHA-256 of the token in the receipt's address
    token_hash bytea not null unique,
    erased_at  timestamptz not null default now(),
    -- the account went too, not only its part in the events
    whole      boolean not null,
    -- what there was to remove
    events     integer not null,
    selfies    integer not null,
    faceprints integer not null,
    sure       integer not null,
    maybe      integer not null,
    verdicts   integer not null,
    -- ids of the rows that are gone: what the check looks for; emptied by it
    account_id bigint,
    guest_ids  bigint[] not null,
    tried_at   timestamptz,
    -- nothing was left, neither here nor in the engine
    checked_at timestamptz
);
create index receipt_open on receipt (id) where checked_at is null;

-- Collections of the engine that held the erased faceprints.
create table receipt_collection (
    receipt_id    bigint not null references receipt on delete cascade,
    event_id      bigint references event on delete set null,
    collection_id text not null,
    -- which engine: `embedded`, or `aws:<region>`
    engine        text,
    primary key (receipt_id, collection_id)
);
create index receipt_collection_event on receipt_collection (event_id);
