"""Work on pixels, in threads of its own: the small pictures, and what the engine sees."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from findme import db
from findme.cache import Cache
from findme.db import Pool
from findme.errors import NotFound
from findme.gallery import events, photos
from findme.gallery.photos import Photo
from findme.media import images, redaction, renditions, storage
from findme.media.images import Renditions
from findme.media.redaction import Redaction
from findme.media.renditions import Recipe
from findme.messaging import webhooks
from findme.models import PhotoId, PhotoState, Size, StoredImage
from findme.settings import Settings

T = TypeVar("T")

#: Two pictures at a time: a 24-megapixel one takes some 70 MB while it is made smaller.
THREADS = 2
#: How much the threads that make pictures stand back behind the event loop (0 to 19): no more than
#: the face service. One that the system passes over while it holds the GIL stops the loop with it.
NICENESS = 5


def _stand_back() -> None:
    """Lower this thread's priority, where the system knows threads' priorities (Linux)."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Imaging:
    """The threads, and what is done in them to stored photos."""

    def __init__(self, settings: Settings, pool: Pool, cache: Cache) -> None:
        self._settings = settings
        self._pool = pool
        self._cache = cache
        #: Many phones ask for the same photo at once: it is made for the first one.
        self._making: WeakValueDictionary[tuple[PhotoId, Recipe], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._threads = ThreadPoolExecutor(
            THREADS, thread_name_prefix="pixels", initializer=_stand_back
        )

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run work on pixels in the threads for it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def prepare(self, photo: Photo) -> bytes:
        """Store thumbnail, preview and redactions once; return the JPEG that the engine sees."""
        async with self._original(photo.id) as path:
            made = await self.run(images.render, path, self._settings.max_image_pixels)
            # one that failed gets its fresh start whole: it may have failed before its pictures
            if photo.state in (PhotoState.RECEIVED, PhotoState.FAILED):
                blanks = await self.run(redaction.redactions, path)
                await self._store(photo, made, blanks)
        return made.analysis

    async def closer(self, photo: Photo) -> bytes:
        """Return the larger JPEG for a second look at a crowd."""
        async with self._original(photo.id) as path:
            return await self.run(images.closer, path, self._settings.max_image_pixels)

    async def handout(self, photo_id: PhotoId, recipe: Recipe) -> StoredImage:
        """Return a photo as guests get it by a recipe, made now where it is not there yet.

        NotFound where the photo is gone, UnreadableImage where it is damaged.
        """
        async with self._making.setdefault((photo_id, recipe), asyncio.Lock()):
            async with db.acquire(self._pool) as conn:
                found = await renditions.find(conn, photo_id, recipe)
            if found is not None:
                return found
            async with self._original(photo_id) as path:
                jpeg = await self.run(
                    images.handout,
                    path,
                    self._settings.max_image_pixels,
                    recipe.side,
                    recipe.watermark,
                )
            async with db.transaction(self._pool) as conn:
                return await renditions.store(conn, photo_id, recipe, jpeg)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def _original(self, photo_id: PhotoId) -> AsyncIterator[Path]:
        """Lay a stored original on disk for the time of the block; NotFound where it is gone."""
        async with storage.spool_folder(self._settings.findme_data_dir) as folder:
            path = folder / "original"
            async with db.acquire(self._pool) as conn:
                original = await storage.find_photo_image(conn, photo_id, Size.ORIGINAL)
            if original is None:
                raise NotFound("The photo was deleted.")
            await storage.read_to_file(self._pool, original.id, path)
            yield path

    async def _store(self, photo: Photo, made: Renditions, blanks: list[Redaction]) -> None:
        async with db.transaction(self._pool) as conn:
            await events.hold(conn, photo.event_id)
            await conn.execute(
                "delete from image where photo_id = $1 and size <> 'original'", photo.id
            )
            await storage.store_bytes(conn, made.preview, size=Size.PREVIEW, photo_id=photo.id)
            await storage.store_bytes(conn, made.thumb, size=Size.THUMB, photo_id=photo.id)
            if blanks:
                await storage.set_redactions(conn, photo.id, redaction.to_json(blanks))
            await photos.mark_prepared(
                conn,
                photo.id,
                placeholder=made.placeholder,
                width=made.width,
                height=made.height,
            )
            await webhooks.announce_photo(conn, photo.event_id, photo.id)
        await self._cache.forget_event(photo.event_id)
