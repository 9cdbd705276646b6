-- Which photos are a guest's: written once here, and read by everything that shows, counts, mails,
-- exports or opens them (docs/architecture/guest-photos.md).

-- What holds for events without thresholds of their own: FACE_MATCH_THRESHOLD and
-- FACE_MAYBE_THRESHOLD of the service that started last.
create table default_threshold (
    only_row boolean primary key default true check (only_row),
    sure     real not null default 90,
    maybe    real not null default 80
);
insert into default_threshold default values;

-- The similarities (0..100) from which a match is sure, and maybe, in each event.
create view event_threshold as
select event.id as event_id, coalesce(event.match_threshold, default_threshold.sure) as sure,
       coalesce(event.maybe_threshold, default_threshold.maybe) as maybe
  from event cross join default_threshold;

-- A face that became a reference is 100 similar to itself, and finds its own mirror image: that
-- says nothing of its photo, and is no longer stored.
delete from match using reference, face
 where reference.id = match.reference_id and face.id = reference.face_id
   and face.photo_id = match.photo_id;

-- One row for each guest and photo with a match or a verdict, whatever the state of the photo.
-- `similarity` is the best one (null: no match), `says` the guest's verdict, `shelf` what follows
-- from both: sure, maybe, or null. `found_shelf` is the shelf without the verdict. `since` is when
-- the photo came to its shelf.
create view photo_guest as
select guest_id, event_id, photo_id, says, similarity,
       coalesce(said_face, found_face) as face_id,
       case when similarity >= sure then 'sure' when similarity >= maybe then 'maybe' end
           as found_shelf,
       case when says = 'not_me' then null
            -- in a gallery of `own`, a word alone opens nothing
            when says = 'me' and (gallery = 'everyone' or similarity >= maybe) then 'sure'
            when similarity >= sure then 'sure'
            when similarity >= maybe then 'maybe' end as shelf,
       case when similarity >= sure then least(sure_since, said_at)
            when says = 'me' then said_at else maybe_since end as since
  from (select known.guest_id, guest.event_id, known.photo_id, gallery, sure, maybe,
               max(similarity) as similarity, max(says) as says,
               max(face_id) filter (where says = 'me') as said_face,
               (array_agg(face_id order by similarity desc, face_id)
                    filter (where says is null))[1] as found_face,
               min(at) filter (where similarity >= sure) as sure_since,
               min(at) filter (where similarity >= maybe) as maybe_since,
               min(at) filter (where says = 'me') as said_at
          from (select guest_id, photo_id, face_id, similarity, null::text as says, found_at as at
                  from match
                 union all
                select guest_id, photo_id, face_id, null, says, created_at from verdict) as known
          join guest on guest.id = known.guest_id
          join event on event.id = guest.event_id
          join event_threshold on event_threshold.event_id = guest.event_id
         group by known.guest_id, guest.event_id, known.photo_id, gallery, sure, maybe) as pair;

-- The photos that a guest is shown as theirs.
create view guest_photo as
select photo_guest.guest_id, photo_guest.event_id, photo_guest.photo_id, photo_guest.face_id,
       photo_guest.similarity, photo_guest.shelf, photo_guest.says is not null as confirmed,
       -- what was approved later than it was found is news from then on
       greatest(photo_guest.since, photo.ready_at, photo.approved_at) as since
  from photo_guest join photo on photo.id = photo_guest.photo_id
 where photo.visible and photo_guest.shelf is not null;

-- The photos that a guest may open. It follows from the rules of today alone: a verdict opens
-- nothing, and closes nothing (who put a photo aside may look at it again, and take that back).
create view openable_photo as
select guest.id as guest_id, guest.account_id, photo.id as photo_id
  from guest join event on event.id = guest.event_id
  join photo on photo.event_id = event.id
 where photo.visible
   and (event.browse or guest.consent_at is not null and guest.consent_withdrawn_at is null)
   and (event.gallery = 'everyone'
        -- no `exists`: it could be planned as a join with the pairs of all guests
        or (select coalesce(shelf, found_shelf) from photo_guest
             where photo_guest.guest_id = guest.id and photo_guest.photo_id = photo.id)
           is not null);
