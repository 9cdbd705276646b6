-- The same rows as before (0019), read faster: a photo on which a face is at stake is settled once
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
