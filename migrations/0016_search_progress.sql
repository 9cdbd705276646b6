-- How far the search for a guest has come, for the gallery's page and for live updates alike: the
-- photos of their event with a face that forms an open pair with the reference of their newest
-- selfie (docs/architecture/matching.md). Without such a reference there is no row: nothing is
-- decided for the guest yet.
create view search_progress as
select guest.id as guest_id,
       (select count(distinct face.photo_id) from face
         where face.event_id = guest.event_id and face.number > start.covered_upto
           and face.covered_upto < start.number) as undecided
  from guest cross join lateral (
       select number, covered_upto from reference
        where guest_id = guest.id and selfie_id is not null
        order by number desc limit 1) as start;
