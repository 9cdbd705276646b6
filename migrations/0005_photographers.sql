-- An upload token belongs to one event and one photographer: its label is the name on the photos.
alter table upload_token
    -- what is added to the times of this photographer's camera, in seconds: +60 where it is a
    -- minute slow, so that the photos of two cameras sort into one evening
    add column clock_offset_s integer not null default 0
        check (clock_offset_s between -604800 and 604800),
    -- what the watcher said last (backlog, rate, errors, its clock), and when; docs/watcher.md
    add column report jsonb,
    add column reported_at timestamptz;

-- a change of the offset or of the name reaches the photos that came with the token
create index photo_upload_token on photo (upload_token_id) where upload_token_id is not null;
