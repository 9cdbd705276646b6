-- A face is one guest's, and a guest is on a photo once (docs/architecture/guest-photos.md).

-- How strongly a match speaks for its guest, in similarity. A selfie speaks for itself. What was
-- found from a photo of theirs is no nearer than where `sure` begins, and what was found from a
-- photo that nobody confirmed is a little less: it may be somebody who resembles them.
create function match_strength(kind text, similarity real) returns real
language sql immutable parallel safe
return least(similarity, case kind when 'selfie' then 100 when 'confirmed' then 90 else 89 end);

-- Whether two guests are the same person who joined twice, or twins: there is a face that the
-- selfies of both are surely. Nobody takes a face from themselves.
create function look_alike(one bigint, other bigint) returns boolean
language sql stable
return exists (
    select from match as mine join match as theirs on theirs.face_id = mine.face_id
      join reference as my on my.id = mine.reference_id
      join reference as their on their.id = theirs.reference_id
     where mine.guest_id = one and theirs.guest_id = other
       and my.kind = 'selfie' and their.kind = 'selfie'
       and mine.similarity >= 97 and theirs.similarity >= 97);

-- Which guest is which face of a photo, as far as matches tell. The strongest match comes first;
-- one is left out if its guest is a nearer face of the photo already, or if the face is nearer to
-- the selfie of another guest. A guest who says that they are not on the photo takes no face.
create function settled_match(of_photo bigint) returns table (guest_id bigint, face_id bigint)
language plpgsql stable as $$
declare
    found record;
    guests bigint[] := '{}';
    faces bigint[] := '{}';
    taking real[] := '{}';
begin
    for found in
        select match.guest_id, match.face_id,
               max(match_strength(kind, similarity)) as strength,
               max(similarity) filter (where kind = 'selfie' and not exists (
                   select from verdict where verdict.guest_id = match.guest_id
                      and verdict.photo_id = of_photo and says = 'not_me')) as selfie
          from match join reference on reference.id = match.reference_id
          join face on face.id = match.face_id
         where match.photo_id = of_photo
         group by match.guest_id, match.face_id, face.box_width, face.box_height
         order by 3 desc, face.box_width * face.box_height desc, match.face_id, match.guest_id
    loop
        continue when found.guest_id = any(guests);
        continue when exists (
            select from unnest(guests, faces, taking) as settled (guest, face, selfie)
             where face = found.face_id and selfie > found.strength
               and not look_alike(found.guest_id, guest));
        guests := guests || found.guest_id;
        faces := faces || found.face_id;
        taking := taking || found.selfie;
        guest_id := found.guest_id;
        face_id := found.face_id;
        return next;
    end loop;
end $$;

-- The matches, each with whether it counts. Nobody else's face and no second face is at stake for
-- most, and they count without a closer look.
create view judged_match as
select match.reference_id, match.face_id, match.guest_id, match.photo_id, match.similarity,
       match.found_at, match.generation,
       case when exists (select from match as rival
                          where rival.face_id = match.face_id and rival.guest_id <> match.guest_id)
              or exists (select from match as twice
                          where twice.guest_id = match.guest_id
                            and twice.photo_id = match.photo_id and twice.face_id <> match.face_id)
            then exists (select from settled_match(match.photo_id) as settled
                          where settled.guest_id = match.guest_id
                            and settled.face_id = match.face_id)
            else true end as counts
  from match;

-- As before, but for matches that do not count. A photo on which a face is at stake is settled once
-- for its guest, and not once for each match.
create or replace view photo_guest as
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
  from (select guest_id, event_id, photo_id, gallery, sure, maybe, says, said_face, said_at,
               -- what a guest confirmed is theirs whoever is nearer
               case when at_stake and says is distinct from 'me' then held.similarity
                    else pair.similarity end as similarity,
               case when at_stake then coalesce(held.face_id, pair.face_id)
                    else pair.face_id end as found_face,
               case when at_stake then held.sure_since else pair.sure_since end as sure_since,
               case when at_stake then held.maybe_since else pair.maybe_since end as maybe_since
          from (select known.guest_id, guest.event_id, known.photo_id, gallery, sure, maybe,
                       max(similarity) as similarity, max(says) as says,
                       max(face_id) filter (where says = 'me') as said_face,
                       (array_agg(face_id order by similarity desc, face_id)
                            filter (where says is null))[1] as face_id,
                       min(at) filter (where similarity >= sure) as sure_since,
                       min(at) filter (where similarity >= maybe) as maybe_since,
                       min(at) filter (where says = 'me') as said_at,
                       bool_or(at_stake) as at_stake
                  from (select guest_id, photo_id, face_id, similarity, null::text as says,
                               found_at as at,
                               exists (select from match as rival
                                        where rival.face_id = match.face_id
                                          and rival.guest_id <> match.guest_id)
                               or exists (select from match as twice
                                           where twice.guest_id = match.guest_id
                                             and twice.photo_id = match.photo_id
                                             and twice.face_id <> match.face_id) as at_stake
                          from match
                         union all
                        select guest_id, photo_id, face_id, null, says, created_at, false
                          from verdict) as known
                  join guest on guest.id = known.guest_id
                  join event on event.id = guest.event_id
                  join event_threshold on event_threshold.event_id = guest.event_id
                 group by known.guest_id, guest.event_id, known.photo_id, gallery, sure, maybe)
               as pair
               left join lateral (
                 select settled.face_id, max(match.similarity) as similarity,
                        min(found_at) filter (where match.similarity >= pair.sure) as sure_since,
                        min(found_at) filter (where match.similarity >= pair.maybe) as maybe_since
                   from settled_match(pair.photo_id) as settled
                   join match on match.guest_id = pair.guest_id
                             and match.photo_id = pair.photo_id
                             and match.face_id = settled.face_id
                  where pair.at_stake and settled.guest_id = pair.guest_id
                  group by settled.face_id) as held on true) as judged;
