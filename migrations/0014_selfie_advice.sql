-- What would make an accepted selfie find more (dark, blurred, too_small, turned_away).
alter table selfie add column advice text[] not null default '{}';
