-- Whose faces become vectors: of everybody on the photos, or of guests alone. Then a face is a place
-- on its photo and nothing more, and is compared by its picture (docs/architecture/matching.md).
alter table event
    add column kept_faces text not null default 'all'
        check (kept_faces in ('all', 'guests_only'));

-- Null: the engine keeps no vector of this face.
alter table face alter column engine_face_id drop not null;
