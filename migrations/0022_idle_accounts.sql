-- An account is of no use once its last event is over: it is erased 30 days later, and announced a
-- week before if its address is proven and mail is set up (findme/accounts/idle_accounts.py).
alter table account
    -- since when it is in no event; those of before the upgrade get their 30 days, too
    add column idle_since timestamptz,
    add column announced_at timestamptz;
create index account_idle on account (idle_since) where idle_since is not null;
