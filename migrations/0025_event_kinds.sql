-- The kind of occasion: the word for it in the consent and on guests' pages follows it. Nobody has
-- said it of events that are there already, so their word is the plain one.
alter table event
    -- not `kind`: queries that join events with jobs or references mean theirs by it
    add column occasion text not null default 'other'
        check (occasion in ('wedding', 'party', 'race', 'other'));
