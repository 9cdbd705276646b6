-- The guest's evening: people without an account's e-mail, what they keep, how they are told of
-- news, and what the organiser decides for an event.

-- A guest of an event that allows it has a name only: the link with the key is their way in.
alter table account
    alter column email drop not null,
    alter column password_hash drop not null,
    -- SHA-256 of the key in the link
    add column key_hash bytea unique,
    add column language text,
    add column scheme text check (scheme in ('light', 'dark')),
    -- single-letter keys of viewer and questions can be turned off (WCAG 2.1.4)
    add column letter_keys boolean not null default true,
    add constraint account_sign_in check (
        (email is null) = (password_hash is null) and (email is not null or key_hash is not null)
    );

create table password_reset (
    id         bigint generated always as identity primary key,
    account_id bigint not null references account on delete cascade,
    token_hash bytea not null unique,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index password_reset_account on password_reset (account_id);

-- Made at the first start and kept: the key pair that push services know us by.
create table secret (
    name       text primary key,
    value      bytea not null,
    created_at timestamptz not null default now()
);

-- A guest may be in an event without face work: no consent, no selfie, the gallery only. A consent
-- that was withdrawn keeps its time and text, as proof of what was agreed to until then.
alter table guest
    alter column consent_at drop not null,
    alter column consent_text drop not null,
    alter column consent_language drop not null,
    add column consent_withdrawn_at timestamptz,
    -- digests by mail, and when the last message (mail or push) went out
    add column notify_mail boolean not null default false,
    add column notified_at timestamptz,
    add constraint guest_consent check (
        num_nonnulls(consent_at, consent_text, consent_language) in (0, 3)
    );

create table push_subscription (
    id         bigint generated always as identity primary key,
    guest_id   bigint not null references guest on delete cascade,
    endpoint   text not null,
    p256dh     text not null,
    auth       text not null,
    language   text not null,
    created_at timestamptz not null default now(),
    unique (guest_id, endpoint)
);

create table favourite (
    guest_id   bigint not null references guest on delete cascade,
    photo_id   bigint not null references photo on delete cascade,
    created_at timestamptz not null default now(),
    primary key (guest_id, photo_id)
);
create index favourite_photo on favourite (photo_id);

-- A guest asks that somebody look at a photo.
create table report (
    id         bigint generated always as identity primary key,
    photo_id   bigint not null references photo on delete cascade,
    guest_id   bigint references guest on delete set null,
    reason     text not null check (reason in ('of_me', 'private', 'offensive', 'other')),
    note       text not null default '',
    created_at timestamptz not null default now(),
    settled_at timestamptz
);
create index report_photo on report (photo_id);
create index report_guest on report (guest_id);
create index report_open on report (id) where settled_at is null;

alter table event
    -- `required`: name, e-mail and password; `optional`: a name will do
    add column accounts text not null default 'required' check (accounts in ('required', 'optional')),
    -- the gallery can be seen without consent and selfie (gallery `everyone` only)
    add column browse boolean not null default false,
    add column downloads boolean not null default true,
    -- what guests download: the original, or at most 2,000 px
    add column download_size text not null default 'original'
        check (download_size in ('original', 'large')),
    add column watermark text check (watermark <> ''),
    add column publish text not null default 'at_once'
        check (publish in ('at_once', 'after_approval')),
    add column accent text check (accent ~ '^#[0-9a-f]{6}$'),
    -- from then on nobody joins and nothing is uploaded; what was found stays until expires_at
    add column closes_at timestamptz,
    -- IANA name: what camera clocks without an offset, and day headings, are read in
    add column time_zone text,
    -- opens the live wall; none: there is no wall
    add column wall_token text unique;

-- The event's cover picture.
alter table image add column event_id bigint references event on delete cascade;
alter table image drop constraint image_check;
alter table image
    add constraint image_owner check (num_nonnulls(photo_id, selfie_id, event_id) = 1),
    add constraint image_event unique (event_id, size);

alter table photo
    -- whose picture it is: the name on the upload token
    add column credit text,
    -- thumbnail and preview exist since
    add column ready_at timestamptz,
    -- all its faces were searched, since
    add column matched_at timestamptz,
    add column review text not null default 'shown' check (review in ('waiting', 'shown', 'hidden')),
    -- when it was last approved, where that was asked for
    add column approved_at timestamptz;
update photo set ready_at = uploaded_at where visible;
drop index photo_event_visible;
alter table photo drop column visible;
-- guests may see it: its small pictures exist, and nobody holds it back
alter table photo add column visible boolean not null
    generated always as (ready_at is not null and review = 'shown') stored;
create index photo_event_visible on photo (event_id, id) where visible;
create index photo_ready on photo (ready_at) where ready_at is not null;
create index photo_waiting on photo (event_id, id) where review = 'waiting';
