"""An upgrade of the face model: an event of 2,000 photos with 40,000 faces is indexed anew.

The photos are composed of faces cut from the labelled pictures, so it is known who is on which. The
rows of an older model's faces and matches are written as it would have left them. While the present
model indexes the event anew, guests list their photos and somebody joins and uploads.

Few people stand for all: each stranger is on every photo, and a search from a face answers
thousands of them. That is harder than an event.
"""

import asyncio
import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from findme.embedded.postgres import join_postgres
from tests.bench.composed import FACES, Scene, compose, cut_people
from tests.bench.upload import variant
from tests.support.helpers import bearer, selfie_form
from tests.support.pictures import Labelled, labelled
from tests.support.service import Service, running_service
from tests.support.watching import Desk, desk_of

PHOTOS, SCENES, GUESTS = 2000, 200, 8
#: Seconds between two lists of a guest, two uploads, two joins, and two looks at the progress.
LISTS, UPLOADS, JOINS, LOOKS = 3.0, 4.0, 60.0, 2.0
UPLOADED = 100
#: Photos of a guest that they say they are not on.
REFUSED = 4
#: What the older model was called.
OLDER = "older-model"
Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class World:
    """An event: its guests' sessions, and the ids of each one's photos, refused ones apart."""

    event_id: str
    sessions: Mapping[str, dict[str, str]]
    truth: Mapping[str, set[str]]
    refused: Mapping[str, set[str]]


@dataclass
class Seen:
    """What guests met while the event was indexed anew."""

    lists: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lost: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    joins: list[float] = field(default_factory=list)
    uploads: int = 0


async def measure() -> Rows:
    """Fill an event, start the service on it anew, and watch."""
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        guests, strangers = await asyncio.to_thread(cut_people, Path(folder) / "models", GUESTS)
        scenes = await asyncio.to_thread(compose, SCENES, guests, strangers)
        with running_service(data, settings={"PHOTO_QUEUE_MAX_SIZE": str(PHOTOS + 1)}) as service:
            world = await _fill(service, scenes, sorted(guests))
        begun = time.perf_counter()
        with running_service(data) as service:
            started = time.perf_counter() - begun
            seen, took, listed = await _watch(service, world)
            peak = _peak(service)
        faces = PHOTOS * FACES
        right = sum(len(listed[name] & world.truth[name]) for name in listed)
        shown = sum(len(names) for names in listed.values())
        there = sum(len(names) for names in world.truth.values())
        times = sorted(seen.lists)
        return [
            (f"re-index of {PHOTOS} photos, {faces} faces", f"{took:.0f} s, {faces / took:.0f}/s"),
            ("start until ready", f"{started:.1f} s"),
            (f"lists of {GUESTS} guests meanwhile", f"{len(times)}, errors {seen.errors}"),
            (
                "median / p95 / longest list",
                " / ".join(
                    f"{1000 * times[min(len(times) - 1, int(part * len(times)))]:.0f} ms"
                    for part in (0.5, 0.95, 1.0)
                ),
            ),
            ("photos that were gone from a list and the model finds again", str(len(seen.lost))),
            ("refused photos that were shown", str(len(seen.refused))),
            (f"joins meanwhile ({len(seen.joins)}), median / longest", _spread(seen.joins)),
            ("photos uploaded meanwhile, all indexed", str(seen.uploads)),
            ("sure afterwards: right of shown, of all there are", f"{right}/{shown}, {there}"),
            ("memory of the face service at most", peak),
        ]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} s / {max(values):.1f} s" if values else "-"


async def _fill(service: Service, scenes: Sequence[Scene], guests: Sequence[str]) -> World:
    """Make the event as the older model left it."""
    known = labelled()
    async with desk_of(service) as desk:
        await desk.call("POST", "/api/admin/queue/pause")
        photos = {}
        for number in range(PHOTOS):
            scene = scenes[number % SCENES]
            photos[await _upload(desk, variant(scene.jpeg, number), f"{number}.jpg")] = scene
        sessions = {name: (await _join(desk, known, name))[0] for name in guests}
        async with join_postgres(service.data_dir) as dsn:
            conn = await asyncpg.connect(dsn)
            await _write_older(conn, int(desk.event_id), photos, guests)
            await conn.close()
        await desk.call("POST", "/api/admin/queue/resume")
        truth = {
            name: {photo for photo, scene in photos.items() if name in dict(scene.faces)}
            for name in guests
        }
        refused = {}
        for name in guests:
            refused[name] = set(sorted(truth[name], key=int)[:REFUSED])
            for photo in refused[name]:
                await desk.call("POST", f"/api/photos/{photo}/not-me", headers=sessions[name])
            truth[name] -= refused[name]
        return World(desk.event_id, sessions, truth, refused)


async def _upload(desk: Desk, jpeg: bytes, filename: str) -> str:
    answer = await desk.call(
        "POST",
        f"/api/events/{desk.event_id}/photos",
        params={"filename": filename},
        data=io.BytesIO(jpeg),
        headers={**desk.admin, "Content-Type": "image/jpeg"},
    )
    photo_id: str = answer["results"][0]["photo_id"]
    return photo_id


async def _join(desk: Desk, known: Labelled, name: str, prefix: str = "") -> tuple[Any, float]:
    """Join with a person's selfie; return the session's header and the seconds it took."""
    event = await desk.call("GET", f"/api/admin/events/{desk.event_id}")
    fields = {
        "name": name,
        "email": f"{prefix}{name}@example.org",
        "password": "a long password",
        "consent": "yes",
        "language": "en",
    }
    begun = time.perf_counter()
    body = await desk.call(
        "POST",
        f"/api/events/{event['code']}/join",
        data=selfie_form(known.selfies[name].read_bytes(), **fields),
        headers={},
    )
    return bearer(body["token"]), time.perf_counter() - begun


async def _write_older(
    conn: asyncpg.Connection, event_id: int, photos: dict[str, Scene], guests: Sequence[str]
) -> None:
    """Write the faces and matches of an older model, and that all photos are done."""
    references = {
        row["name"]: row
        for row in await conn.fetch(
            """
            select account.name, reference.id, guest_id
              from reference join guest on guest.id = guest_id
                   join account on account.id = account_id
             where reference.event_id = $1""",
            event_id,
        )
    }
    assert set(references) == set(guests), "not every guest's selfie was taken"
    faces: list[tuple[object, ...]] = []
    people: list[str] = []
    for photo, scene in photos.items():
        for person, box in scene.faces:
            number = len(faces) + 1
            faces.append((event_id, int(photo), f"older-{number}", number, *box))
            people.append(person)
    async with conn.transaction():
        await conn.execute(
            """
            update photo set state = 'indexed', ready_at = now(), matched_at = now(), faces = $2,
                             generation = (select generation from event where id = $1)
             where event_id = $1""",
            event_id,
            FACES,
        )
        await conn.execute("delete from job where event_id = $1", event_id)
        await conn.executemany(
            """
            insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top,
                              box_width, box_height, confidence, indexed_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, 99, now())""",
            faces,
        )
        await conn.execute("update event set last_face = $2 where id = $1", event_id, len(faces))
        await conn.executemany(
            """
            insert into match (reference_id, face_id, guest_id, photo_id, similarity)
            select $1, id, $2, photo_id, 95 from face where event_id = $3 and number = $4""",
            [
                (references[person]["id"], references[person]["guest_id"], event_id, face[3])
                for face, person in zip(faces, people, strict=True)
                if person in references
            ],
        )
        await conn.execute(
            "update reference set searched = true, covered_upto = $2 where event_id = $1",
            event_id,
            len(faces),
        )
        await conn.execute("update event set face_model = $2 where id = $1", event_id, OLDER)
    await conn.execute("vacuum analyze")


async def _watch(service: Service, world: World) -> tuple[Seen, float, dict[str, set[str]]]:
    """Be guests, a newcomer and a photographer until nothing waits; return how it ended."""
    seen, gone = Seen(), set[tuple[str, str]]()
    begun = time.perf_counter()
    async with desk_of(service) as desk, join_postgres(service.data_dir) as dsn:
        desk.event_id = world.event_id
        conn = await asyncpg.connect(dsn)
        meanwhile = [
            asyncio.create_task(
                _list(desk, name, headers, world.truth[name], world.refused[name], seen, gone)
            )
            for name, headers in world.sessions.items()
        ]
        meanwhile += [asyncio.create_task(_join_often(desk, sorted(world.sessions), seen))]
        photographer = asyncio.create_task(_upload_often(desk, seen))
        took = 0.0
        while await conn.fetchval(
            "select exists (select from job where state in ('queued', 'running'))"
        ):
            row = await conn.fetchrow(
                """
                select count(*) filter (where photo.generation = event.generation) as done,
                       count(*) as there
                  from photo join event on event.id = event_id where event_id = $1""",
                int(world.event_id),
            )
            assert row is not None
            took = time.perf_counter() - begun
            print(f"{took:6.0f} s: {row['done']} of {row['there']} photos", flush=True)
            await asyncio.sleep(LOOKS if row["done"] < row["there"] else 0.2)
        for task in (*meanwhile, photographer):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert not await conn.fetchval("select count(*) from job where state = 'failed'")
        listed = {
            name: await _photos(desk, headers) & set(await _composed(conn, world.event_id))
            for name, headers in world.sessions.items()
        }
        await conn.close()
    # what the present model does not find is a matter of its recall, counted apart
    seen.lost = {(name, photo) for name, photo in gone if photo in listed[name]}
    return seen, took, listed


async def _composed(conn: asyncpg.Connection, event_id: str) -> list[str]:
    rows = await conn.fetch(
        "select id from photo where event_id = $1 and filename ~ '^[0-9]+[.]jpg$'", int(event_id)
    )
    return [str(row["id"]) for row in rows]


async def _photos(desk: Desk, headers: dict[str, str]) -> set[str]:
    """Return the ids of the photos that surely show a guest, page by page."""
    found: set[str] = set()
    path = f"{desk.url}/api/my-photos?event={desk.event_id}&limit=1000"
    while path:
        async with desk.http.get(path, headers=headers) as answer:
            answer.raise_for_status()
            found |= {photo["id"] for photo in await answer.json()}
            following = answer.links.get("next")
            path = str(following["url"]) if following else ""
    return found


async def _list(
    desk: Desk,
    name: str,
    headers: dict[str, str],
    mine: set[str],
    refused: set[str],
    seen: Seen,
    gone: set[tuple[str, str]],
) -> None:
    while True:
        begun = time.perf_counter()
        try:
            found = await _photos(desk, headers)
        except aiohttp.ClientError as problem:
            seen.errors.append(str(problem))
        else:
            seen.lists.append(time.perf_counter() - begun)
            gone |= {(name, photo) for photo in mine - found}
            seen.refused |= {(name, photo) for photo in refused & found}
        await asyncio.sleep(LISTS)


async def _join_often(desk: Desk, people: Sequence[str], seen: Seen) -> None:
    known = labelled()
    for number, name in enumerate(sorted(set(known.selfies) - set(people))):
        await asyncio.sleep(JOINS)
        seen.joins.append((await _join(desk, known, name, prefix=f"late{number}-"))[1])


async def _upload_often(desk: Desk, seen: Seen) -> None:
    picture = next(iter(labelled().people)).read_bytes()
    for number in range(UPLOADED):
        await asyncio.sleep(UPLOADS)
        await _upload(desk, variant(picture, number), f"late-{number}.jpg")
        seen.uploads += 1


def _peak(service: Service) -> str:
    """Return the peak of each Python process below the service, in MB."""
    peaks = []
    for child in service.children():
        status = Path(f"/proc/{child.pid}/status").read_text()
        if "python" in status.splitlines()[0]:
            peak = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
            peaks.append(f"{peak / 1024:.0f} MB")
    return ", ".join(peaks)
