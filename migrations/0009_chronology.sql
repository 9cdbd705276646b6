-- Guests' lists go by the time a photo was taken, by the corrected clock of its camera, so that the
-- photos of two cameras make one evening. A clock that cannot be right (ahead of the arrival by
-- more than time zones explain, or fallen back to its maker's year) gives way to the arrival.
alter table photo add column dated_at timestamptz not null generated always as (
    case when taken_at - uploaded_at between interval '-1000 days' and interval '1 day'
         then taken_at else uploaded_at end) stored;

drop index photo_event_visible;
create index photo_event_visible on photo (event_id, dated_at, id) where visible;
