-- What a guest wrote goes with them, whoever deletes their row: an erasure, an organiser, the
-- repetition of deletions after a restore. So does the name that an admin gave to their faces.
create function clear_guest_texts() returns trigger language plpgsql as $$
begin
    update report set note = '' where guest_id = old.id and note <> '';
    update person set name = null
     where event_id = old.event_id and guest_id = old.id and name is not null;
    return old;
end
$$;
create trigger clear_guest_texts before delete on guest
    for each row execute function clear_guest_texts();

update report set note = '' where guest_id is null and note <> '';

-- Erasures are checked by text too, in the erasing transaction: the texts are not kept.
alter table receipt
    -- notes on reports that were emptied
    add column notes integer not null default 0,
    -- rows with a text of other people that has the name or the address in it
    add column mentions integer not null default 0,
    -- columns (table.column) that a text was left in, though it should not be there
    add column texts_left text[] not null default '{}';
