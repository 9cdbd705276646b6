-- An address is somebody's only once a link in a mail to it was opened: anyone may have typed it.
alter table account add column email_proven_at timestamptz;
-- addresses from before stay what they were to their accounts
update account set email_proven_at = now() where email is not null;

-- a link that was mailed proves the address; one that an admin hands over proves the person
alter table password_reset add column by_mail boolean not null default false;

create table email_confirmation (
    id         bigint generated always as identity primary key,
    account_id bigint not null references account on delete cascade,
    -- SHA-256 of the token in the mailed link
    token_hash bytea not null unique,
    -- the link is about this address and no later one
    email      text not null,
    expires_at timestamptz not null
);
create index email_confirmation_account on email_confirmation (account_id);
