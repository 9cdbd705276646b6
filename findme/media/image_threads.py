"""Work on pixels, in threads of its own, so that the event loop is never blocked by a picture."""

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
from findme.db import Pool
from findme.errors import NotFound
from findme.media import images, renditions, storage
from findme.media.renditions import RenditionSpec
from findme.models import PhotoId, Size, StoredImage
from findme.settings import Settings

T = TypeVar("T")

#: Two pictures at a time: a 24-megapixel one takes some 70 MB while it is made smaller.
THREADS = 2
#: The niceness of these threads (0 to 19): no more than the face service's. If the system did not
#: schedule a thread that holds the GIL, the event loop would stop with it.
NICENESS = 5


def _lower_priority() -> None:
    """Lower this thread's priority, if the system has priorities of threads (Linux)."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class ImageThreads:
    """The threads, and the renditions of photos that are made in them on request."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        #: Many phones request the same photo at once: only the first request makes the rendition.
        self._locks: WeakValueDictionary[tuple[PhotoId, RenditionSpec], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._threads = ThreadPoolExecutor(
            THREADS, thread_name_prefix="pixels", initializer=_lower_priority
        )

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run *work* in one of the threads and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def rendition(self, photo_id: PhotoId, spec: RenditionSpec) -> StoredImage:
        """Return a photo's rendition for guests; make and store it if it does not exist yet.

        NotFound if the photo was deleted, UnreadableImage if it is damaged.
        """
        async with self._locks.setdefault((photo_id, spec), asyncio.Lock()):
            async with db.acquire(self._pool) as conn:
                found = await renditions.find(conn, photo_id, spec)
            if found is not None:
                return found
            async with self.original(photo_id) as path:
                jpeg = await self.run(
                    images.guest_rendition,
                    path,
                    self._settings.max_image_pixels,
                    spec.side,
                    spec.watermark,
                )
            async with db.transaction(self._pool) as conn:
                return await renditions.store(conn, photo_id, spec, jpeg)

    @asynccontextmanager
    async def original(self, photo_id: PhotoId) -> AsyncIterator[Path]:
        """Copy a photo's original into a file that exists during the block; NotFound without it."""
        async with storage.spool_folder(self._settings.findme_data_dir) as folder:
            path = folder / "original"
            async with db.acquire(self._pool) as conn:
                original = await storage.find_photo_image(conn, photo_id, Size.ORIGINAL)
            if original is None:
                raise NotFound("The photo was deleted.")
            await storage.read_to_file(self._pool, original.id, path)
            yield path

    def close(self) -> None:
        """End the threads; work that has not begun is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
