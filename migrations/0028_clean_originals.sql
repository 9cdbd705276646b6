-- Guests get an original with the essentials of its metadata alone, unless the organiser wants all
-- of it: whom it shows, where it was taken and by which camera stay with the photographer.
alter table event add column metadata text not null default 'essential'
    check (metadata in ('essential', 'full'));

alter table image
    -- blanked places in the file; now it is written anew
    drop column redactions,
    drop column sent_digest,
    -- the pieces of which the clean file consists, see media/cleaning; null: it was not needed yet;
    -- empty: it cannot be made, and guests get a JPEG made from the pixels
    add column clean_plan bytea,
    add column clean_bytes bigint,
    -- SHA-256 of the clean file: that of the stored one would let guests find by trying what was
    -- left out
    add column clean_digest text,
    add check ((clean_bytes is null) = (clean_digest is null)),
    add check (clean_bytes is null or clean_plan is not null);
