-- SHA-256 of what guests get of a picture with redactions: the digest of the stored file would let
-- them find the blanked place by trying. Null: nobody has asked for it yet.
alter table image add column sent_digest text;
