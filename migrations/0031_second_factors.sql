-- A second factor of an admin: codes of an authenticator app (RFC 6238).
create table second_factor (
    account_id   bigint primary key references account on delete cascade,
    -- codes are computed from it, so that a digest would not do; the app has it too
    secret       bytea not null check (octet_length(secret) = 20),
    -- null: the app has not shown a code of it yet, and none is asked for
    confirmed_at timestamptz,
    -- the time step of the last code that was used: neither it nor an earlier one passes again
    last_step    bigint not null default 0
);

-- Each signs in once, in place of a code.
create table recovery_code (
    account_id bigint not null references second_factor on delete cascade,
    -- SHA-256 of a code of 120 random bits
    digest     bytea not null,
    primary key (account_id, digest)
);
