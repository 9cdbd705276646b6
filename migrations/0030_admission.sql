-- Who is let in. A name and a selfie cannot tell a guest from a stranger with a picture from the web,
-- so an organiser may look at each newcomer first (docs/decisions/0049-newcomers-wait-for-the-organiser.md).
alter table event add column admission text not null default 'open'
    check (admission in ('open', 'approval'));

-- Since when a guest sees photos; null: they wait for the organiser. Somebody who waits has selfies
-- and their vectors, but no match and no verdict: they are searched for once they are admitted.
alter table guest add column admitted_at timestamptz default now();
update guest set admitted_at = joined_at;
create index guest_waiting on guest (event_id, id) where admitted_at is null;

-- As before, but for guests who wait.
create or replace view guest_photo as
select photo_guest.guest_id, photo_guest.event_id, photo_guest.photo_id, photo_guest.face_id,
       photo_guest.similarity, photo_guest.shelf, photo_guest.says is not null as confirmed,
       -- what was approved later than it was found is news from then on
       greatest(photo_guest.since, photo.ready_at, photo.approved_at) as since
  from photo_guest join photo on photo.id = photo_guest.photo_id
       join guest on guest.id = photo_guest.guest_id
 where photo.visible and photo_guest.shelf is not null and guest.admitted_at is not null;

create or replace view openable_photo as
select guest.id as guest_id, guest.account_id, photo.id as photo_id
  from guest join event on event.id = guest.event_id
  join photo on photo.event_id = event.id
 where photo.visible and guest.admitted_at is not null
   and (event.browse or guest.consent_at is not null and guest.consent_withdrawn_at is null)
   and (event.gallery = 'everyone'
        -- no `exists`: it could be planned as a join with the pairs of all guests
        or (select coalesce(shelf, found_shelf) from photo_guest
             where photo_guest.guest_id = guest.id and photo_guest.photo_id = photo.id)
           is not null);
