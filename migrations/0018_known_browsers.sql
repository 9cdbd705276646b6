-- Browsers that have signed in to an account: strangers who guess its password do not slow them down.
create table known_browser (
    account_id   bigint not null references account on delete cascade,
    -- SHA-256 of the token in the browser's cookie, which signs nobody in
    token_hash   bytea not null,
    last_used_at timestamptz not null default now(),
    primary key (account_id, token_hash)
);
