"""Bytes in, bytes out: uploads to a spool file, pictures to and from chunk rows.

Pictures are never whole in memory here, and nothing is kept between requests. A reader borrows a
connection for one chunk at a time, so a slow phone holds memory for one chunk and no connection.
"""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Protocol, TypeVar

import aiofiles
import asyncpg

from findme import db
from findme.db import Connection, Pool
from findme.errors import DiskFull, UploadTooLarge
from findme.media import spool_folders
from findme.media.spool_folders import SpoolFolder
from findme.models import EventId, ImageId, PhotoId, Rendition, SelfieId, Size, StoredImage


class _Closable(Protocol):
    async def close(self) -> None: ...


T = TypeVar("T")
F = TypeVar("F", bound=_Closable)

Bytes = bytes | mmap

#: Bytes of one chunk row (stack-facts: 256 KB is the best trade of speed for memory).
CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOwner:
    """The row that a picture belongs to and is deleted with: exactly one of the three."""

    photo_id: PhotoId | None = None
    selfie_id: SelfieId | None = None
    #: Of the event whose cover the picture is.
    event_id: EventId | None = None


@dataclass(frozen=True, slots=True)
class StoredForm:
    """The form of a picture: its size or rendition, its type, and the rendition's spec by name."""

    size: Size | Rendition
    media_type: str
    recipe: str | None = None


@dataclass(frozen=True, slots=True)
class Spooled:
    """An upload on disk."""

    path: Path
    size_bytes: int
    sha256: bytes


@contextmanager
def disk_full_errors() -> Iterator[None]:
    """Raise DiskFull if the block's writes find no space, on the disk or in the database."""
    try:
        yield
    except asyncpg.DiskFullError as error:
        raise DiskFull from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull from error


@asynccontextmanager
async def spool_folder(data_dir: Path) -> AsyncIterator[Path]:
    """Make a folder for one request's files; it is removed with the request."""

    def remove(made: SpoolFolder) -> Awaitable[None]:
        return asyncio.to_thread(spool_folders.remove, made)

    # in threads: a busy disk takes a tenth of a second to close a file
    async with _owned(asyncio.to_thread(spool_folders.make, data_dir), remove) as made:
        yield made.folder


def _opened(file: Awaitable[F]) -> AbstractAsyncContextManager[F]:
    """Open a file of aiofiles, and close it."""
    return _owned(file, lambda opened: opened.close())


@asynccontextmanager
async def _owned(take: Awaitable[T], give_back: Callable[[T], Awaitable[None]]) -> AsyncIterator[T]:
    """Hold what a thread makes, and release it, however often the caller is cancelled meanwhile."""
    taking = asyncio.ensure_future(take)
    try:
        await _ended(taking)
        yield taking.result()
    finally:
        if not taking.cancelled() and taking.exception() is None:
            giving = asyncio.ensure_future(give_back(taking.result()))
            await _ended(giving)
            giving.result()


async def _ended(task: asyncio.Future[T]) -> None:
    """Wait for a task that must not be cancelled; the caller is cancelled only after it.

    If a thread's work were cancelled with its waiter before it began, it would never be done.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def spool(chunks: AsyncIterator[bytes], path: Path, *, limit: int) -> Spooled:
    """Write a body to *path*, counted and hashed in the same pass; UploadTooLarge over *limit*."""
    digest = hashlib.sha256()
    size = 0
    async with _opened(aiofiles.open(path, "wb")) as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise UploadTooLarge(
                    f"The file is larger than the {limit // 1024**2} MB this server takes."
                )
            # hashing releases the GIL: it runs while the bytes are written
            await asyncio.gather(file.write(chunk), asyncio.to_thread(digest.update, chunk))
    return Spooled(path, size, digest.digest())


async def store_file(
    conn: Connection, photo_id: PhotoId, spooled: Spooled, media_type: str
) -> ImageId:
    """Store an original from its spool file in the caller's transaction."""
    image_id = await _insert(
        conn,
        ImageOwner(photo_id=photo_id),
        StoredForm(Size.ORIGINAL, media_type),
        spooled.size_bytes,
        spooled.sha256.hex(),
    )

    async def rows() -> AsyncIterator[tuple[int, int, bytes]]:
        async with _opened(aiofiles.open(spooled.path, "rb")) as file:
            number = 0
            while chunk := await file.read(CHUNK):
                yield image_id, number, chunk
                number += 1

    await conn.copy_records_to_table(
        "image_chunk", columns=("image_id", "number", "bytes"), records=rows()
    )
    return image_id


async def store_bytes(
    conn: Connection,
    data: Bytes,
    owner: ImageOwner,
    *,
    size: Size | Rendition,
    media_type: str = "image/jpeg",
    recipe: str | None = None,
) -> ImageId:
    """Store a picture in the caller's transaction; *recipe* is the name of a rendition's spec."""
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    image_id = await _insert(conn, owner, StoredForm(size, media_type, recipe), len(data), digest)
    await conn.copy_records_to_table(
        # a table that is rewritten after erasures (see privacy.raw_traces)
        "image_chunk" if owner.selfie_id is None else "selfie_chunk",
        columns=("image_id", "number", "bytes"),
        # one at a time: a file that is mapped into memory is never whole in it
        records=(
            (image_id, number, data[start : start + CHUNK])
            for number, start in enumerate(range(0, len(data), CHUNK))
        ),
    )
    return image_id


async def _insert(
    conn: Connection, owner: ImageOwner, form: StoredForm, size_bytes: int, digest: str
) -> ImageId:
    return ImageId(
        await conn.fetchval(
            """
            insert into image (photo_id, selfie_id, event_id, size, media_type, size_bytes, digest,
                               recipe)
            values ($1, $2, $3, $4, $5, $6, $7, $8) returning id""",
            owner.photo_id,
            owner.selfie_id,
            owner.event_id,
            form.size,
            form.media_type,
            size_bytes,
            digest,
            form.recipe,
        )
    )


async def find_photo_image(conn: Connection, photo_id: PhotoId, size: Size) -> StoredImage | None:
    """Return the stored picture of a photo in that size."""
    row = await conn.fetchrow(
        """
        select id, media_type, size_bytes, digest
          from image where photo_id = $1 and size = $2""",
        photo_id,
        size,
    )
    return None if row is None else StoredImage(**row)


async def find_cover(conn: Connection, event_id: EventId, size: Size) -> StoredImage | None:
    """Return the stored cover of an event."""
    row = await conn.fetchrow(
        """
        select id, media_type, size_bytes, digest
          from image where event_id = $1 and size = $2""",
        event_id,
        size,
    )
    return None if row is None else StoredImage(**row)


async def find_selfie_image(conn: Connection, selfie_id: SelfieId) -> StoredImage | None:
    """Return the stored picture of a selfie."""
    row = await conn.fetchrow(
        """
        select id, media_type, size_bytes, digest
          from image where selfie_id = $1 and size = 'original'""",
        selfie_id,
    )
    return None if row is None else StoredImage(**row)


async def read_chunk(pool: Pool, image_id: ImageId, number: int) -> bytes | None:
    """Return a chunk by its number, from 0; None behind the last one, or without the picture."""
    async with db.acquire(pool) as conn:
        chunk: bytes | None = await conn.fetchval(
            """
            select coalesce(
                (select bytes from image_chunk where image_id = $1 and number = $2),
                (select bytes from selfie_chunk where image_id = $1 and number = $2))""",
            image_id,
            number,
        )
    return chunk


async def read_chunks(pool: Pool, image_id: ImageId) -> AsyncIterator[bytes]:
    """Yield the stored bytes, chunk by chunk, with one query and connection each."""
    number = 0
    while (chunk := await read_chunk(pool, image_id, number)) is not None:
        yield chunk
        number += 1


async def read_to_file(pool: Pool, image_id: ImageId, path: Path) -> None:
    """Write a stored picture to *path*, chunk by chunk."""
    async with _opened(aiofiles.open(path, "wb")) as file:
        async for chunk in read_chunks(pool, image_id):
            await file.write(chunk)


async def read_bytes(pool: Pool, image_id: ImageId) -> bytes:
    """Return a small stored picture (selfies, thumbnails) whole."""
    return b"".join([chunk async for chunk in read_chunks(pool, image_id)])
