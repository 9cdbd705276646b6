-- What failed, and who sees it.

-- Photos whose job had failed for another reason than their picture went on waiting: no job would
-- ever come for them.
update photo set state = 'failed', error = job.error
  from job
 where job.photo_id = photo.id and job.kind = 'index_photo' and job.state = 'failed'
   and photo.state in ('received', 'prepared')
   and not exists (select from job as other
                    where other.photo_id = photo.id and other.state in ('queued', 'running'));

-- Workers find out that the engine does not answer; the desk is drawn by other processes.
alter table replica add column engine_answers boolean not null default true;
