-- What guests get where the organiser wants it otherwise than it was prepared, and covers.

-- A digest of the cover picture, which is a part of its address; none: there is no cover.
alter table event add column cover text;

alter table image
    drop constraint image_size_check,
    -- `marked` is the preview with the watermark, `download` what guests take home in place of
    -- the original; both are made when they are first asked for
    add constraint image_size check (size in ('thumb', 'preview', 'original', 'marked', 'download')),
    -- the choices that it was made by: under other ones it is made again
    add column recipe text,
    add constraint image_recipe check ((recipe is not null) = (size in ('marked', 'download')));
