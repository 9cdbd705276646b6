-- Who is responsible for an event's data, and how to reach them: the consent names both (GDPR,
-- article 13). Null: as the settings say, or else the first admin.
alter table event
    add column controller text check (controller <> ''),
    add column contact text check (contact <> '');
