-- People ---------------------------------------------------------------------------------------

create table account (
    id            bigint generated always as identity primary key,
    role          text not null check (role in ('guest', 'admin')),
    name          text not null,
    email         text not null unique check (email = lower(email)),
    password_hash text not null,
    created_at    timestamptz not null default now()
);

create table session (
    id         bigint generated always as identity primary key,
    -- SHA-256 of the token: whoever reads the database cannot sign in with what is there
    token_hash bytea not null unique,
    account_id bigint not null references account on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index session_account on session (account_id);

-- Events ---------------------------------------------------------------------------------------

create table event (
    id               bigint generated always as identity primary key,
    code             text not null unique,
    name             text not null check (name <> ''),
    starts_at        timestamptz,
    expires_at       timestamptz,
    gallery          text not null default 'everyone' check (gallery in ('everyone', 'own')),
    join_open        boolean not null default true,
    -- opaque: names may show in a cloud's billing and logs
    collection_id    text not null unique,
    collection_ready boolean not null default false,
    match_threshold  real check (match_threshold between 0 and 100),
    maybe_threshold  real check (maybe_threshold between 0 and 100),
    -- counted up under this row's lock, so that the order of numbers is the order of commits
    last_face        bigint not null default 0,
    last_reference   bigint not null default 0,
    created_at       timestamptz not null default now()
);

create table upload_token (
    id           bigint generated always as identity primary key,
    event_id     bigint not null references event on delete cascade,
    label        text not null,
    token_hash   bytea not null unique,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz
);
create index upload_token_event on upload_token (event_id, id);

create table guest (
    id               bigint generated always as identity primary key,
    event_id         bigint not null references event on delete cascade,
    account_id       bigint not null references account on delete cascade,
    joined_at        timestamptz not null default now(),
    consent_at       timestamptz not null,
    -- the sentence that was agreed to, as shown, and its language
    consent_text     text not null,
    consent_language text not null,
    unique (event_id, account_id)
);
create index guest_account on guest (account_id);

create table selfie (
    id         bigint generated always as identity primary key,
    guest_id   bigint not null references guest on delete cascade,
    state      text not null default 'pending' check (state in ('pending', 'accepted', 'refused')),
    -- why it was refused, the words of the API's code and problems
    problem    text,
    -- a join request is just having it indexed: the workers leave it alone until then
    claimed_until timestamptz,
    created_at timestamptz not null default now()
);
create index selfie_pending on selfie (guest_id) where state = 'pending';
create index selfie_guest on selfie (guest_id, id);

-- Photos ---------------------------------------------------------------------------------------

create table photo (
    id              bigint generated always as identity primary key,
    event_id        bigint not null references event on delete cascade,
    upload_token_id bigint references upload_token on delete set null,
    account_id      bigint references account on delete set null,
    -- SHA-256 of the bytes as uploaded: the same bytes are the same photo, whatever the name
    digest          bytea not null,
    filename        text not null,
    width           integer not null,
    height          integer not null,
    taken_at        timestamptz,
    uploaded_at     timestamptz not null default now(),
    state           text not null default 'received'
                    check (state in ('received', 'prepared', 'indexed', 'failed')),
    error           text,
    -- thumbnail and preview exist, guests may see it
    visible         boolean not null default false,
    placeholder     text not null default '#8b7f79',
    faces           integer not null default 0,
    unique (event_id, digest)
);
create index photo_event on photo (event_id, id);
create index photo_event_visible on photo (event_id, id) where visible;

-- Pictures: what they are, and (apart, so that no list ever reads them) their bytes ---------------

create table image (
    id         bigint generated always as identity primary key,
    photo_id   bigint references photo on delete cascade,
    selfie_id  bigint references selfie on delete cascade,
    size       text not null check (size in ('thumb', 'preview', 'original')),
    media_type text not null,
    size_bytes bigint not null,
    digest     text not null,
    -- byte ranges to blank on the way to guests (the GPS position), see redaction.py
    redactions text,
    check (num_nonnulls(photo_id, selfie_id) = 1),
    unique (photo_id, size),
    unique (selfie_id, size)
);

create table image_chunk (
    image_id bigint not null references image on delete cascade,
    number   integer not null,
    bytes    bytea not null,
    primary key (image_id, number)
);
-- pictures are compressed already; EXTERNAL reads a chunk without trying to unpack it
alter table image_chunk alter column bytes set storage external;

-- Faces and matches ----------------------------------------------------------------------------

create table face (
    id             bigint generated always as identity primary key,
    event_id       bigint not null references event on delete cascade,
    photo_id       bigint not null references photo on delete cascade,
    engine_face_id text not null,
    number         bigint not null,
    -- a search with this face has decided all references up to this number
    covered_upto   bigint not null default 0,
    box_left       real not null,
    box_top        real not null,
    box_width      real not null,
    box_height     real not null,
    confidence     real not null,
    brightness     real,
    sharpness      real,
    indexed_at     timestamptz not null,
    unique (photo_id, engine_face_id),
    unique (event_id, number)
);
create index face_engine on face (event_id, engine_face_id);

-- A face that was seen and not kept by the engine, and why.
create table missed_face (
    id         bigint generated always as identity primary key,
    photo_id   bigint not null references photo on delete cascade,
    box_left   real not null,
    box_top    real not null,
    box_width  real not null,
    box_height real not null,
    confidence real not null,
    reasons    text[] not null
);
create index missed_face_photo on missed_face (photo_id);

-- What a guest looks like: a vector in the event's collection that searches start from.
create table reference (
    id             bigint generated always as identity primary key,
    event_id       bigint not null references event on delete cascade,
    guest_id       bigint not null references guest on delete cascade,
    selfie_id      bigint not null references selfie on delete cascade,
    engine_face_id text not null,
    number         bigint not null,
    -- searches have decided all faces up to this number
    covered_upto   bigint not null default 0,
    -- its own first search is done; until then sweeps leave it to that
    searched       boolean not null default false,
    indexed_at     timestamptz not null,
    unique (selfie_id),
    unique (event_id, number)
);
create index reference_guest on reference (guest_id);
create index reference_engine on reference (event_id, engine_face_id);

create table match (
    reference_id bigint not null references reference on delete cascade,
    face_id      bigint not null references face on delete cascade,
    guest_id     bigint not null references guest on delete cascade,
    photo_id     bigint not null references photo on delete cascade,
    similarity   real not null,
    found_at     timestamptz not null default now(),
    primary key (reference_id, face_id)
);
create index match_guest on match (guest_id, photo_id);
create index match_face on match (face_id);
create index match_photo on match (photo_id);

-- Work -----------------------------------------------------------------------------------------

create table replica (
    id         bigint generated always as identity primary key,
    host       text not null,
    pid        integer not null,
    started_at timestamptz not null default now(),
    seen_at    timestamptz not null default now()
);

create table job (
    id            bigint generated always as identity primary key,
    kind          text not null,
    event_id      bigint references event on delete cascade,
    photo_id      bigint references photo on delete cascade,
    selfie_id     bigint references selfie on delete cascade,
    payload       jsonb,
    label         text not null,
    state         text not null default 'queued'
                  check (state in ('queued', 'running', 'done', 'failed')),
    priority      smallint not null,
    attempts      integer not null default 0,
    -- times that a worker vanished with it; no fault of the job
    interruptions integer not null default 0,
    error         text,
    -- counted up by each claim: who holds an older lease holds nothing
    lease         bigint not null default 0,
    -- found no engine: is not offered again before the engine answers
    parked        boolean not null default false,
    replica_id    bigint references replica on delete set null,
    run_at        timestamptz not null default now(),
    created_at    timestamptz not null default now(),
    started_at    timestamptz,
    finished_at   timestamptz
);
create index job_due on job (priority, id) where state = 'queued';
create index job_running on job (replica_id) where state = 'running';
create index job_state on job (state, id);
create index job_photo on job (photo_id);
create index job_selfie on job (selfie_id);
create index job_event on job (event_id) where state in ('queued', 'running');
-- one waiting sweep an event
create unique index job_match_event on job (event_id) where kind = 'match_event' and state = 'queued';
