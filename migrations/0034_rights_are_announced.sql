-- Processes keep in memory who a token names, and what part they have in an event (see
-- findme/accounts/rights.py). Each statement that may change this tells its own connection at once,
-- and all who listen when it is committed. A column that is kept has to stand here; counters that
-- move with every photo do not. An insert counts where a new row changes what was found before: a
-- new session does not, a new part in an event is the last joined one.
create function tell_rights_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('rights', '');
    -- always sent to the client, and not written into the server's log by default
    raise info 'rights changed' using errcode = 'FMR01';
    return null;
end $$;

create trigger rights_changed
    after delete or truncate or update of token_hash, account_id, expires_at on session
    for each statement execute function tell_rights_changed();

create trigger rights_changed
    after delete or truncate or update of token_hash, event_id on upload_token
    for each statement execute function tell_rights_changed();

create trigger rights_changed
    after delete or truncate or update of name, email, role, language, scheme, letter_keys on account
    for each statement execute function tell_rights_changed();

create trigger rights_changed
    after insert or delete or truncate or update of account_id, confirmed_at on second_factor
    for each statement execute function tell_rights_changed();

create trigger rights_changed
    after insert or delete or truncate
       or update of event_id, account_id, joined_at, consent_at, consent_withdrawn_at, admitted_at
    on guest for each statement execute function tell_rights_changed();

create trigger rights_changed
    after insert or delete or truncate or update of guest_id, state, problem on selfie
    for each statement execute function tell_rights_changed();

create trigger rights_changed
    after delete or truncate
       or update of code, name, starts_at, expires_at, occasion, gallery, join_open, collection_id,
                    collection_ready, generation, engine, face_model, match_threshold,
                    maybe_threshold, created_at, accounts, admission, browse, downloads,
                    download_size, metadata, watermark, controller, contact, drop_selfies, publish,
                    kept_faces, accent, closes_at, time_zone, wall_token, cover
    on event for each statement execute function tell_rights_changed();

create trigger rights_changed
    after insert or delete or truncate or update of only_row, sure, maybe on default_threshold
    for each statement execute function tell_rights_changed();

-- Lists are cached for some seconds. What guests may no longer see leaves them at once in every
-- process: a photo that is hidden or deleted, an event whose options or thresholds change.
create function tell_list_changed() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'photo' then
        perform pg_notify('lists', old.event_id::text);
    else
        perform pg_notify('lists', old.id::text);
    end if;
    return null;
end $$;

create trigger list_changed after update of review, ready_at on photo
    for each row when (old.visible and not new.visible) execute function tell_list_changed();
create trigger list_changed_by_delete after delete on photo
    for each row when (old.visible) execute function tell_list_changed();
create trigger list_changed
    after update of match_threshold, maybe_threshold, gallery, browse, downloads, download_size,
                    metadata, watermark on event
    for each row execute function tell_list_changed();
