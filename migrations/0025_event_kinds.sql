-- The kind of occasion: the word for it in the consent and on guests' pages follows it. Nobody has
-- said it of events that are there already, so their word is the plain one.
alter table event
    add column kind text not null default 'other'
        check (kind in ('wedding', 'party', 'race', 'other'));
