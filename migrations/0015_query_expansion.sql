-- "Hop" is called query expansion, as everywhere else.
alter table reference drop constraint reference_hop, drop constraint reference_kind_check;
update reference set kind = 'expansion' where kind = 'hop';
alter table reference
    add constraint reference_kind check (kind in ('selfie', 'confirmed', 'expansion')),
    add constraint reference_expansion check ((kind = 'expansion') = (parent_id is not null));
