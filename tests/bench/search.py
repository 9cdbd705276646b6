"""A big event: 10,000 photos with 40,000 faces, one search among them, and a guest who joins.

The vectors are generated, and some of them are those of the guest, a little off. They go straight
into the face service's files, as if the photos had been indexed; photos and faces go into the
tables. Then everything is real: service, face service, HTTP, the selfie.
"""

import asyncio
import io
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import aiohttp
import asyncpg
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from findme.embedded.postgres_home import find_home
from findme.engine import FACE_MODEL_VERSION
from findme.engine.collection_store import Gallery, StoredFace
from findme.engine.embedding import DIMENSIONS
from findme.engine.faces import Analyst, Box
from tests.support.engine_service import connected, serving
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, running_service

PHOTOS, FACES_EACH = 10_000, 4
FACES = PHOTOS * FACES_EACH
OWN = 60
"""Faces of the guest, each on a photo of its own."""
OWN_DISTANCE = 0.35
"""Of the selfie; two of them are 0.5 apart, which is sure as well."""
LENGTH = 1.45
"""Mean length of the network's vectors."""
SEARCHES = 50
LONGEST = 60.0
"""Seconds after which the bench gives up."""
Rows = list[tuple[str, str]]


async def measure() -> Rows:
    """Return the figures of both."""
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as scratch:
        folder = Path(scratch)
        await asyncio.to_thread(folder.chmod, 0o755)
        vectors = await asyncio.to_thread(generated, folder / "models")
        return [*await searches(folder / "alone", vectors), *await joining(folder, vectors)]


def selfie() -> bytes:
    """Eileen Collins, from scikit-image."""
    out = io.BytesIO()
    Image.fromarray(data.astronaut()).save(out, "JPEG")  # type: ignore[no-untyped-call]
    return out.getvalue()


def generated(models: Path) -> NDArray[np.float32]:
    """Return one vector a face; those of the guest stand at every 500th place from 0 on."""
    random = np.random.default_rng(1)
    directions = random.normal(size=(FACES, DIMENSIONS))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vectors = LENGTH * directions
    guest = Analyst.load(models).faces(selfie())[0].vector
    vectors[: OWN * 500 : 500] = guest + OWN_DISTANCE * directions[: OWN * 500 : 500]
    return vectors.astype(np.float32)


def stored(vectors: NDArray[np.float32]) -> list[StoredFace]:
    """Return the vectors as faces; their order is that of their numbers."""
    box = Box(0.4, 0.3, 0.1, 0.15)
    return [
        StoredFace(
            face_id(number),
            face_id(-1 - number // FACES_EACH),
            None,
            box,
            99.9,
            vector,
            FACE_MODEL_VERSION,
        )
        for number, vector in enumerate(vectors)
    ]


def face_id(number: int) -> str:
    """Return the same id for the same number."""
    return str(uuid.UUID(int=number + (1 << 64)))


def fill(folder: Path, collection: str, vectors: NDArray[np.float32]) -> None:
    """Write a collection into the files of a face service that is not running."""
    gallery = Gallery(folder)
    try:
        gallery.add(gallery.create(collection, {}), stored(vectors))
    finally:
        gallery.close()


async def searches(folder: Path, vectors: NDArray[np.float32]) -> Rows:
    """SearchFaces over HTTP through the AWS client, as FindMe asks: every match from 80 on."""
    await asyncio.to_thread(fill, folder, "big", vectors)
    times: list[float] = []
    async with serving(folder) as url, connected(url) as client:
        for number in range(SEARCHES + 5):
            begun = time.perf_counter()
            answer = await client.search_faces(
                CollectionId="big",
                FaceId=face_id(500 * (number % OWN)),
                MaxFaces=4096,
                FaceMatchThreshold=80,
            )
            times.append(1000 * (time.perf_counter() - begun))
            assert len(answer["FaceMatches"]) == OWN - 1
    times = times[5:]  # connection, first use of the model of the protocol
    return [
        (
            f"search of {FACES} faces over HTTP, median / longest",
            f"{statistics.median(times):.1f} / {max(times):.1f} ms",
        )
    ]


async def joining(folder: Path, vectors: NDArray[np.float32]) -> Rows:
    """From the selfie's sending to the guest's photos in the list."""
    data_dir = folder / "data"
    with running_service(data_dir) as service:
        async with aiohttp.ClientSession(service.url) as http:
            answer = await http.post(
                "/api/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
            )
            admin = {"Authorization": f"Bearer {(await answer.json())['token']}"}
            answer = await http.post("/api/admin/events", json={"name": "Big"}, headers=admin)
            event = await answer.json()
        collection = await fill_tables(data_dir, int(event["id"]))
    await asyncio.to_thread(fill, data_dir / "faces", collection, vectors)
    with running_service(data_dir) as service:
        async with aiohttp.ClientSession(service.url) as http:
            first, all_found = await join(http, event)
    return [
        (
            f"selfie to first / all results, {PHOTOS} photos, {FACES} faces",
            f"{first:.2f} / {all_found:.2f} s",
        )
    ]


async def fill_tables(data_dir: Path, event_id: int) -> str:
    """Insert photos and faces as if they had been indexed; return the collection's id."""
    home = await asyncio.to_thread(find_home, data_dir)
    conn = await asyncpg.connect(
        f"postgresql://postgres@/postgres?host={quote(str(home.sockets))}&port=5432"
    )
    try:
        await conn.execute(
            """
            insert into photo (event_id, digest, filename, width, height, state, ready_at, faces)
            select $1, sha256(number::text::bytea), 'photo' || number || '.jpg', 6000, 4000,
                   'indexed', now(), $3
              from generate_series(1, $2) as number""",
            event_id,
            PHOTOS,
            FACES_EACH,
        )
        photos = await conn.fetch("select id from photo where event_id = $1 order by id", event_id)
        await conn.executemany(
            """
            insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top,
                              box_width, box_height, confidence, indexed_at)
            values ($1, $2, $3, $4, 0.4, 0.3, 0.1, 0.15, 99.9, now() - interval '1 minute')""",
            [
                (event_id, photos[number // FACES_EACH]["id"], face_id(number), number + 1)
                for number in range(FACES)
            ],
        )
        collection: str = await conn.fetchval(
            """
            update event set last_face = $2, collection_ready = true, engine = 'embedded'
             where id = $1 returning collection_id""",
            event_id,
            FACES,
        )
    finally:
        await conn.close()
    return collection


async def join(http: aiohttp.ClientSession, event: dict[str, str]) -> tuple[float, float]:
    """Join with the selfie; return the seconds until the first and until all photos are listed."""
    form = aiohttp.FormData()
    fields = {"name": "Eileen", "email": "eileen@example.org", "password": "a long password"}
    for name, value in {**fields, "consent": "yes"}.items():
        form.add_field(name, value)
    form.add_field("selfie", io.BytesIO(selfie()), filename="selfie.jpg")
    first = None
    begun = time.perf_counter()
    async with http.post(f"/api/events/{event['code']}/join", data=form) as answer:
        assert answer.status == 201, await answer.text()
        guest = {"Authorization": f"Bearer {(await answer.json())['token']}"}
    while True:
        async with http.get("/api/my-photos", params={"event": event["id"]}, headers=guest) as got:
            found = int(got.headers["X-Total-Count"])
        now = time.perf_counter() - begun
        assert now < LONGEST, f"{found} of {OWN} photos after {now:.0f} s"
        if found and first is None:
            first = now
        if first is not None and found >= OWN:
            return first, now
        await asyncio.sleep(0.02)
