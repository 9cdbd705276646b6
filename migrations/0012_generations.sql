-- A re-index gives the event a new, empty collection under the next generation. Photos, faces and
-- references say of which generation their vectors are; earlier ones are outdated and are indexed
-- again one after the other, while new pictures go straight into the new collection.
alter table photo add column generation integer not null default 0;
alter table face add column generation integer not null default 0;
alter table reference add column generation integer not null default 0;

update photo set generation = event.generation
  from event where event.id = photo.event_id and event.generation > 0;
update face set generation = event.generation
  from event where event.id = face.event_id and event.generation > 0;
update reference set generation = event.generation
  from event where event.id = reference.event_id and event.generation > 0;

-- Which model made the vectors of the collection (Rekognition's FaceModelVersion); null: made before
-- this was noted, or no collection yet.
alter table event add column face_model text;

-- A re-index that was under way filled a second collection: it begins anew.
insert into job (kind, label, payload, priority)
select 'delete_collection', next_collection_id, jsonb_build_object('collection_id', next_collection_id), 0
  from event where next_collection_id is not null;
alter table event drop column next_collection_id;
drop table reindexed;

create index photo_outdated on photo (event_id, generation);
create index reference_generation on reference (event_id, generation);
