"""What is wrong among the rows, although no foreign key forbids it."""

from collections.abc import Mapping, Sequence

from findme.audit.finding import Finding
from findme.db import Connection
from findme.privacy import text_search

#: Most findings of one kind that are listed; the last one says how many more there are.
MOST = 100

#: Queries by kind; each returns where the finding is. What a running service is just about to do
#: is none: it gets the minutes that it needs at most.
CHECKS: Mapping[str, str] = {
    "picture whose bytes are not all stored": """
        select 'image ' || id from image
         where size_bytes <> coalesce((select sum(octet_length(bytes)) from (
                   select bytes from image_chunk where image_id = image.id
                   union all select bytes from selfie_chunk where image_id = image.id) as chunk), 0)
         order by id""",
    "selfie's picture among the photos'": """
        select 'image ' || id from image
         where selfie_id is not null and id in (select image_id from image_chunk) order by id""",
    "photo without its picture": """
        select 'photo ' || id from photo
         where not exists (select from image where photo_id = photo.id and size = 'original')
            or ready_at is not null and 2 > (select count(*) from image where photo_id = photo.id
                                                and size in ('thumb', 'preview'))
         order by id""",
    "selfie without its picture": """
        select 'selfie ' || selfie.id
          from selfie join guest on guest.id = guest_id join event on event.id = event_id
         where (state = 'pending' or state = 'accepted' and not drop_selfies)
           and not exists (select from image where selfie_id = selfie.id)
         order by selfie.id""",
    "selfie whose picture should be dropped": """
        select 'selfie ' || reference.selfie_id
          from reference join event on event.id = reference.event_id
               join image on image.selfie_id = reference.selfie_id
         where drop_selfies and reference.generation = event.generation
           and reference.guest_id in (select id from guest where admitted_at is not null)
         order by reference.selfie_id""",
    "selfie without its vector": """
        select 'selfie ' || id from selfie
         where state = 'accepted' and not exists (select from reference where selfie_id = selfie.id)
         order by id""",
    "cover of an event that has none": """
        select 'event ' || event.id from event
         where (cover is null) = exists (select from image where event_id = event.id)
         order by id""",
    "photo that waits without a job": """
        select 'photo ' || id from photo
         where state in ('received', 'prepared')
           and not exists (select from job where photo_id = photo.id
                              and state in ('queued', 'running'))
         order by id""",
    "selfie that waits without a job": """
        select 'selfie ' || selfie.id from selfie join guest on guest.id = guest_id
         where selfie.state = 'pending' and coalesce(claimed_until, '-infinity') < now()
           and not exists (select from job where job.event_id = guest.event_id
                              and kind in ('index_selfie', 'reindex_event')
                              and job.state in ('queued', 'running'))
         order by selfie.id""",
    "selfie of a request to be kept out that waits without a job": """
        select 'keep_out ' || id from keep_out
         where created_at < now() - interval '5 minutes'
           and not exists (select from job where job.event_id = keep_out.event_id
                              and kind = 'keep_out' and state in ('queued', 'running'))
         order by id""",
    "event past its end": """
        select 'event ' || id from event where expires_at < now() - interval '5 minutes'
         order by id""",
    "strangers' vectors after matching closed": """
        select 'event ' || id from event join matching_close on event_id = id
         where kept_faces = 'all' and matching_close.closes_at < now() - interval '1 day'
           and exists (select from face where face.event_id = event.id
                          and engine_face_id is not null)
         order by id""",
    "account by name alone in no event": """
        select 'account ' || id from account
         where email is null and role = 'guest'
           and not exists (select from guest where account_id = account.id)
           and created_at < now() - interval '5 minutes' order by id""",
    "words of a guest who has left": """
        select 'report ' || id from report where guest_id is null and note <> '' order by id""",
    "deleted, and there again": """
        select kind || ' ' || id from erasure join (
               select uid, 'account' as kind, id from account
               union all select uid, 'event', id from event
               union all select uid, 'guest', id from guest
               union all select uid, 'selfie', id from selfie
               union all select uid, 'photo', id from photo) as thing using (uid, kind)
         order by kind, id""",
    "deletion that failed": """
        select 'job ' || id || ' (' || kind || ')' from job
         where state = 'failed' and kind in ('forget_faces', 'delete_collection', 'remove_traces')
         order by id""",
    "receipt that does not complete": """
        select concat('receipt ', id, ', text in ' || nullif(array_to_string(texts_left, ', '), ''))
          from receipt
         where checked_at is null and (erased_at < now() - interval '1 hour' or texts_left <> '{}')
            or rewritten_at is null and erased_at < now() - interval '1 hour' order by id""",
}


async def check(conn: Connection) -> list[Finding]:
    """Return what CHECKS finds."""
    found = []
    for kind, query in CHECKS.items():
        places = [row[0] for row in await conn.fetch(query)]
        found += [Finding(kind, place) for place in places[:MOST]]
        if len(places) > MOST:
            found.append(Finding(kind, f"and {len(places) - MOST} more"))
    return found


async def find_texts(conn: Connection, texts: Sequence[str]) -> list[Finding]:
    """Return the columns that hold one of the texts."""
    places = await text_search.find(conn, texts)
    return [
        Finding("text in the database", f"{place}, {number} row{'s' if number > 1 else ''}")
        for place, number in sorted(places.items())
    ]
