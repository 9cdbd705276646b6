"""What is served in a benchmark: one event, made anew by a few statements from a fixed seed."""

import asyncio
import hashlib
import random
from dataclasses import dataclass

import asyncpg

from findme import db
from findme.media.storage import CHUNK
from tests.bench import scale

SEED = 20261201
PHOTOS, FACES_EACH = 300, 10
#: Photos that the guest marked.
FAVOURITES = 150
#: Bytes of a picture in each size; a photo of 24 megapixels has about as many.
BYTES = {"thumb": 19_000, "preview": 180_000, "original": 3_900_000}
#: The bearer token of the guest's session.
TOKEN = scale.TOKEN


@dataclass(frozen=True)
class World:
    """The ids that addresses name."""

    event_id: int
    #: A photo with pictures.
    photo_id: int
    #: The ids of its pictures, by size.
    images: dict[str, int]


async def fill(dsn: str) -> World:
    """Fill an empty database: a guest who is on every photo, and one photo with its pictures."""
    conn = await asyncpg.connect(dsn)
    try:
        await db.migrate(conn)
        faces = PHOTOS * FACES_EACH
        await scale.fill(conn, events=1, photos=PHOTOS, faces=faces, jobs=0, guests=1, waiting=0)
        await scale.invite(conn)
        guest_id = await conn.fetchval("select min(id) from guest")
        await conn.execute(
            """
            insert into favourite (guest_id, photo_id)
            select $1, id from photo order by id limit $2""",
            guest_id,
            FAVOURITES,
        )
        photo_id = await conn.fetchval("select max(id) from photo")
        images = await _add_pictures(conn, photo_id)
        await conn.execute("vacuum analyze")
        return World(1, photo_id, images)
    finally:
        await conn.close()


async def _add_pictures(
    conn: "asyncpg.Connection[asyncpg.Record]", photo_id: int
) -> dict[str, int]:
    """Store pictures of random bytes as FindMe stores them, and each as one value beside."""
    await conn.execute("create table bench_picture (image_id bigint primary key, bytes bytea)")
    await conn.execute("alter table bench_picture alter bytes set storage external")
    images = {}
    generator = random.Random(SEED)
    for size, length in BYTES.items():
        body = await asyncio.to_thread(generator.randbytes, length)
        images[size] = await conn.fetchval(
            """
            insert into image (photo_id, size, media_type, size_bytes, digest)
            values ($1, $2, 'image/jpeg', $3, $4) returning id""",
            photo_id,
            size,
            length,
            hashlib.sha256(body).hexdigest(),
        )
        await conn.executemany(
            "insert into image_chunk (image_id, number, bytes) values ($1, $2, $3)",
            [
                (images[size], number, body[start : start + CHUNK])
                for number, start in enumerate(range(0, length, CHUNK))
            ],
        )
        await conn.execute("insert into bench_picture values ($1, $2)", images[size], body)
    return images
