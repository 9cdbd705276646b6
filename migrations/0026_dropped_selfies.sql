-- An event may keep no selfie: its picture goes as soon as its vector is made. Then a re-index, which
-- begins an empty collection, cannot make the vector again, and the guest is asked for a selfie.
alter table event add column drop_selfies boolean not null default false;

-- Selfies that nothing can be searched with any more: without a picture, and with no vector in the
-- event's present collection. What they found before stays.
create view lost_selfie as
select selfie.id, selfie.guest_id, guest.event_id
  from selfie join guest on guest.id = selfie.guest_id join event on event.id = guest.event_id
 where selfie.state = 'accepted'
   and not exists (select from image where image.selfie_id = selfie.id)
   and not exists (select from reference where reference.selfie_id = selfie.id
                      and reference.generation = event.generation);
