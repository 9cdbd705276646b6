"""A large house: 50 events, 200,000 photos, 1,000,000 faces and as many jobs that are done.

`fill` makes it with a few statements, without pictures; the figures are what an admin, a guest and
the room wait for.
"""

import asyncio
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import asyncpg

from findme import db
from findme.db import Connection
from findme.embedded.postgres import open_postgres
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, running_service

Rows = list[tuple[str, str]]

EVENTS, PHOTOS, FACES, JOBS = 50, 200_000, 1_000_000, 1_000_000
#: Guests of each event, and jobs that wait.
GUESTS, WAITING = 100, 1000
ROUNDS = 15
#: Groups of an event's faces without a guest, and faces of each.
STRANGERS, SEEN = 3000, 5
#: The guest's session, and the wall.
TOKEN = "scale"
#: What an admin asks, and the most milliseconds that it may take.
CALLS = {
    "/api/admin/queue/stats": 50,
    "/metrics": 300,
    "/admin": 300,
    "/admin/events": 300,
    "/admin/events/1": 300,
    "/api/admin/events": 300,
    "/api/admin/queue/jobs": 300,
    "/api/admin/queue/jobs?state=failed": 300,
    "/api/admin/events/1/photos": 300,
    "/admin/audit": 300,
    "/admin/events/1/photos": 300,
    "/admin/events/1/photos/50": 300,
    "/admin/events/1/guests": 300,
    "/admin/events/1/faces": 300,
    "/admin/events/1/faces/loose": 300,
    "/admin/events/1/thresholds": 300,
    "/admin/events/1/photographers": 300,
    "/admin/jobs?state=done": 300,
    "/api/admin/desk": 50,
    "/api/admin/events/1/group-faces?search=0": 300,
    "/api/admin/events/1/contact-sheet?limit=1000": 300,
    "/api/admin/events/1/guest-list": 300,
    "/api/admin/events/1/missed-faces/summary": 300,
    "/api/admin/events/1/rehearsal": 300,
}
#: What a guest asks, and the wall.
GUESTS_CALLS = {
    "/gallery?event=1": 100,
    "/gallery?event=1&tab=maybe": 100,
    "/gallery?event=1&tab=all": 100,
    "/gallery?event=1&tab=favourites": 100,
    "/gallery/50": 100,
    "/api/my-photos?event=1": 100,
    "/api/all-photos?event=1": 100,
    "/account": 100,
    f"/wall/{TOKEN}": 100,
    f"/api/wall/{TOKEN}/photos": 100,
}


async def fill(
    conn: Connection,
    *,
    events: int = EVENTS,
    photos: int = PHOTOS,
    faces: int = FACES,
    jobs: int = JOBS,
    guests: int = GUESTS,
    waiting: int = WAITING,
) -> None:
    """Fill an empty, migrated database; ids begin at 1, photo n is of event 1 + n % *events*.

    Every tenth face matches a guest of its event. The caller's user has to be a superuser: triggers
    and foreign keys rest meanwhile, and the tally is written as they would have.
    """
    async with conn.transaction():
        await conn.execute("set local session_replication_role = replica")
        await conn.execute(
            """
            insert into event (code, name, starts_at, collection_id)
            select 'SCALE' || lpad(n::text, 3, '0'), 'Event ' || n, now(), 'findme-scale-' || n
              from generate_series(1, $1::integer) as n""",
            events,
        )
        await conn.execute(
            """
            insert into account (role, name, email, password_hash)
            select 'guest', 'Guest ' || n, n || '@scale.example', '-'
              from generate_series(1, $1::integer) as n""",
            events * guests,
        )
        await conn.execute(
            """
            insert into guest (event_id, account_id, consent_at, consent_text, consent_language)
            select 1 + n % $1, account.id, now(), '-', 'en'
              from (select id, row_number() over (order by id) as n from account
                     where email like '%@scale.example') as account""",
            events,
        )
        await conn.execute(
            """
            insert into selfie (guest_id, state) select id, 'accepted' from guest order by id"""
        )
        await conn.execute(
            """
            insert into reference (event_id, guest_id, selfie_id, engine_face_id, number,
                                   covered_upto, searched, indexed_at)
            select event_id, guest.id, selfie.id, gen_random_uuid()::text,
                   row_number() over (partition by event_id order by guest.id), $1, true, now()
              from guest join selfie on selfie.guest_id = guest.id""",
            faces,
        )
        await conn.execute(
            """
            insert into photo (event_id, digest, filename, width, height, taken_at, state, ready_at,
                               matched_at, faces)
            select 1 + n % $1, sha256(n::text::bytea), 'IMG_' || n || '.jpg', 6000, 4000,
                   now() - interval '1 day', 'indexed', now() - interval '1 day',
                   now() - interval '1 day', $3
              from generate_series(1, $2::integer) as n""",
            events,
            photos,
            faces // photos,
        )
        await conn.execute(
            """
            insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top,
                              box_width, box_height, confidence, indexed_at)
            select event_id, photo.id, gen_random_uuid()::text,
                   (photo.id / $1) * $2 + n, 0.1, 0.1, 0.1, 0.1, 99, now() - interval '1 day'
              from photo, generate_series(1, $2::integer) as n order by photo.id, n""",
            events,
            faces // photos,
        )
        await conn.execute(
            """
            insert into match (reference_id, face_id, guest_id, photo_id, similarity)
            select reference.id, face.id, reference.guest_id, face.photo_id, 90 + face.id % 10
              from face join reference on reference.event_id = face.event_id
                                      and reference.number = 1 + face.id / 10 % $1
             where face.id % 10 = 0""",
            guests,
        )
        await conn.execute(
            """
            insert into job (kind, event_id, photo_id, label, state, priority, attempts, created_at,
                             started_at, finished_at)
            select 'index_photo', photo.event_id, photo.id, photo.filename,
                   case when n <= $3 then 'queued' when n % 10000 = 0 then 'failed' else 'done' end,
                   2, 1, now() - interval '1 day', now() - interval '1 day',
                   case when n > $3 then now() - interval '1 day' end
              from generate_series(1, $1::integer) as n
                   join photo on photo.id = 1 + n % $2""",
            jobs,
            photos,
            waiting,
        )
        await conn.execute(
            """
            update job_tally set enqueued = (select count(*) from job),
                   done = (select count(*) from job where state = 'done') where backend = 0"""
        )
    await conn.execute("vacuum analyze")


async def invite(conn: Connection) -> None:
    """Open event 1 to its first guest and to the room, and sort its faces by person."""
    await conn.execute("update event set wall_token = $1 where id = 1", TOKEN)
    await conn.execute(
        """
        insert into session (token_hash, account_id, expires_at)
        select $1, account_id, now() + interval '1 day'
          from guest where event_id = 1 order by id limit 1""",
        hashlib.sha256(TOKEN.encode()).digest(),
    )
    await conn.execute(
        "insert into person (event_id, guest_id) select event_id, id from guest where event_id = 1"
    )
    await conn.execute(
        """
        insert into person_face (face_id, person_id)
        select distinct on (face_id) face_id, person.id
          from person join match on match.guest_id = person.guest_id order by face_id"""
    )
    await conn.execute(
        """
        with stranger as (
            insert into person (event_id) select 1 from generate_series(1, $1::integer)
            returning id),
        numbered as (select id, row_number() over (order by id) as n from stranger),
        free as (
            select id, row_number() over (order by id) - 1 as n from face
             where event_id = 1 and not exists (
                 select from person_face where face_id = face.id))
        insert into person_face (face_id, person_id)
        select free.id, numbered.id from free join numbered on numbered.n = 1 + free.n / $2""",
        STRANGERS,
        SEEN,
    )
    await conn.execute("vacuum analyze")


async def measure() -> Rows:
    """Fill a house, open it, and return what an admin waits for."""
    with tempfile.TemporaryDirectory(prefix="findme-scale-") as folder:
        await asyncio.to_thread(Path(folder).chmod, 0o755)
        data = Path(folder) / "data"
        begun = time.perf_counter()
        async with open_postgres(data) as server:
            conn = await asyncpg.connect(server.dsn)
            await db.migrate(conn)
            await fill(conn)
            await invite(conn)
            await conn.close()
        rows = [("scale: filling", f"{time.perf_counter() - begun:.0f} s")]
        opened = running_service(data)
        service = await asyncio.to_thread(opened.__enter__)
        try:
            return rows + await _ask(service.url)
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)


async def _ask(url: str) -> Rows:
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as http:
        answer = await http.post(
            "/api/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        )
        admin = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        paused = await http.post("/api/admin/queue/pause", headers=admin)
        assert paused.status == 200
        guest = {"Authorization": f"Bearer {TOKEN}"}
        asked = [(path, most, admin) for path, most in CALLS.items()]
        asked += [(path, most, guest) for path, most in GUESTS_CALLS.items()]
        rows = []
        for path, most, headers in asked:
            times = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                async with http.get(path, headers=headers) as got:
                    await got.read()
                assert got.status == 200, (path, got.status)
                times.append(1000 * (time.perf_counter() - begun))
            middle, worst = statistics.median(times), max(times)
            rows.append((f"scale: {path}", f"{middle:.0f} ms, worst {worst:.0f} (most: {most})"))
        return rows
