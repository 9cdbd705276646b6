"""What must hold whenever the service has come to rest, whatever happened before.

Each function returns what does not hold, as sentences; none if all is well.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

import psutil

from findme.audit import files, rows, vectors
from findme.db import Connection
from findme.jobs.heartbeat import BEAT_SECONDS
from findme.jobs.worker_registry import DEAD_SECONDS
from tests.chaos.clients import Clients

#: Seconds after which the jobs of a process that died are put back: its lease.
LEASE_SECONDS = DEAD_SECONDS + BEAT_SECONDS
#: Seconds for processes to end whose parent was killed.
END_SECONDS = 20.0

#: (person, picture) -> the similarities of the person to the picture's faces, from the best on.
Matches: TypeAlias = Mapping[tuple[str, str], tuple[int, ...]]
Invariant: TypeAlias = Callable[[Connection, Clients], Awaitable[list[str]]]


async def read_matches(conn: Connection, event_id: str) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return what an event's searches have found, by person and file name."""
    found = await conn.fetch(
        """
        select name, filename, array_agg(similarity order by similarity desc) as similarities
          from (select account.name, photo.filename, face_id,
                       round(max(similarity))::integer as similarity
                  from match join photo on photo.id = photo_id
                       join guest on guest.id = guest_id
                       join account on account.id = guest.account_id
                 where photo.event_id = $1 group by account.name, photo.filename, face_id) as best
         group by name, filename""",
        int(event_id),
    )
    return {(row["name"], row["filename"]): tuple(row["similarities"]) for row in found}


async def every_202_is_there(conn: Connection, clients: Clients) -> list[str]:
    """Each photo that was accepted is there once, and no other one."""
    there = Counter(
        {
            (str(row["id"]), row["filename"]): 1
            for row in await conn.fetch(
                "select id, filename from photo where event_id = $1", int(clients.event["id"])
            )
        }
    )
    promised = Counter((photo.photo_id, photo.filename) for photo in clients.sent.values())
    return [
        *(f"accepted, and not there: {photo}" for photo in promised - there),
        *(f"there, and never accepted: {photo}" for photo in there - promised),
    ]


async def its_bytes_are_what_was_sent(conn: Connection, clients: Clients) -> list[str]:
    """The stored original has the bytes of the request."""
    stored = {
        row["filename"]: row["sha256"]
        for row in await conn.fetch(
            """
            select filename,
                   encode(sha256(string_agg(bytes, ''::bytea order by number)), 'hex') as sha256
              from photo join image on image.photo_id = photo.id and size = 'original'
                   join image_chunk on image_id = image.id
             where photo.event_id = $1 group by photo.id""",
            int(clients.event["id"]),
        )
    }
    return [
        f"other bytes than were sent: {photo.filename}"
        for photo in clients.sent.values()
        if stored.get(photo.filename) != photo.sha256
    ]


async def each_is_processed_once(conn: Connection, clients: Clients) -> list[str]:
    """Every photo is indexed by its one job, every job is done."""
    unfinished = await conn.fetch(
        """
        select concat_ws(' ', 'job', id, kind, state, error) as what from job where state <> 'done'
        union all
        select concat_ws(' ', 'photo', filename, state, error) from photo where state <> 'indexed'
        union all
        select concat_ws(' ', 'selfie', id, state, problem) from selfie where state <> 'accepted'
        union all
        select concat_ws(' ', 'photo', photo_id, 'has', count(*), 'jobs') from job
         where kind = 'index_photo' group by photo_id having count(*) > 1"""
    )
    return [row["what"] for row in unfinished]


async def nothing_is_stuck(conn: Connection, clients: Clients) -> list[str]:
    """No job runs for a process that died longer than its lease."""
    stuck = await conn.fetch(
        """
        select concat_ws(' ', 'job', job.id, kind, 'runs for nobody') as what
          from job left join replica on replica.id = job.replica_id
         where state = 'running'
           and coalesce(seen_at, job.started_at) < now() - make_interval(secs => $1)""",
        LEASE_SECONDS,
    )
    return [row["what"] for row in stuck]


async def what_is_gone_stays_gone(conn: Connection, clients: Clients) -> list[str]:
    """No deleted photo and no erased guest is there again."""
    back = await conn.fetch(
        """
        select 'photo ' || id as what from photo where id = any($1::bigint[])
        union all select 'account ' || name from account where name = any($2)""",
        [int(photo_id) for photo_id in clients.deleted],
        sorted(clients.left),
    )
    return [f"there again: {row['what']}" for row in back]


async def matches_are_true(truth: Matches, conn: Connection, clients: Clients) -> list[str]:
    """Each guest was compared with each face, as in a run without faults."""
    found = await read_matches(conn, clients.event["id"])
    expected = {
        (person, filename): truth[person, picture]
        for person in clients.present
        for filename in clients.sent
        for picture in [filename.partition("~")[0]]
        if (person, picture) in truth
    }
    return [
        f"matches of {pair}: {found.get(pair)} instead of {expected.get(pair)}"
        for pair in sorted(found.keys() | expected.keys())
        if found.get(pair) != expected.get(pair)
    ]


async def nothing_is_left_over(conn: Connection, clients: Clients) -> list[str]:
    """What `findme audit` looks for: rows, vectors and files that nothing needs; any spool file."""
    world = clients.world
    found = await rows.check(conn)
    found += sorted(
        await vectors.compare(
            conn, partial(vectors.held_by_file, world.faces_dir.parent), seconds=1.0
        )
    )
    found += await asyncio.to_thread(files.leftovers, world.data_dir, [int(clients.event["id"])])
    spool = world.data_dir / "spool"
    return [
        *map(str, found),
        *(f"spool file: {path.name}" for path in (spool.iterdir() if spool.exists() else ())),
    ]


async def no_process_is_left_over(conn: Connection, clients: Clients) -> list[str]:
    """Whatever ran below a service that has ended has ended, too."""
    world = clients.world
    earlier = world.seen.copy()
    earlier -= set(world.family())
    _, alive = await asyncio.to_thread(psutil.wait_procs, list(earlier), timeout=END_SECONDS)
    world.seen -= earlier - set(alive)
    return [f"left over: process {process.pid} {process.name()}" for process in alive]


async def nobody_got_a_wrong_answer(_conn: Connection, clients: Clients) -> list[str]:
    """No call was answered 500, no exit code was another than it should be."""
    wrong, clients.wrong = clients.wrong, []
    return wrong


def all_of_them(truth: Matches) -> list[Invariant]:
    """Return every invariant; *truth* is what a run without faults has found."""
    return [
        every_202_is_there,
        its_bytes_are_what_was_sent,
        each_is_processed_once,
        nothing_is_stuck,
        what_is_gone_stays_gone,
        partial(matches_are_true, truth),
        nothing_is_left_over,
        no_process_is_left_over,
        nobody_got_a_wrong_answer,
    ]
