"""Pictures of stored photos: their originals as files, and renditions that are made on request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from findme import db
from findme.db import Pool
from findme.errors import NotFound
from findme.media import renditions, storage
from findme.media.image_workers import ImageWorkers
from findme.media.renditions import RenditionSpec
from findme.models import PhotoId, Size, StoredImage


class PhotoImages:
    """Reads originals, and makes renditions once."""

    def __init__(self, data_dir: Path, pool: Pool, workers: ImageWorkers) -> None:
        self._data_dir = data_dir
        self._pool = pool
        self._workers = workers
        #: Many phones request the same photo at once: only the first request makes the rendition.
        self._locks: WeakValueDictionary[tuple[PhotoId, RenditionSpec], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def rendition(self, photo_id: PhotoId, spec: RenditionSpec) -> StoredImage:
        """Return a photo's rendition for guests; make and store it if it does not exist yet.

        NotFound if the photo was deleted, BadImage if it is damaged or too large for that.
        """
        async with self._locks.setdefault((photo_id, spec), asyncio.Lock()):
            async with db.acquire(self._pool) as conn:
                found = await renditions.find(conn, photo_id, spec)
            if found is not None:
                return found
            async with self.original(photo_id) as path:
                jpeg = await self._workers.guest_rendition(path, spec.side, spec.watermark)
            with jpeg:
                async with db.transaction(self._pool) as conn:
                    return await renditions.store(conn, photo_id, spec, jpeg)

    @asynccontextmanager
    async def original(self, photo_id: PhotoId) -> AsyncIterator[Path]:
        """Copy a photo's original into a file that exists during the block; NotFound without it."""
        async with storage.spool_folder(self._data_dir) as folder:
            path = folder / "original"
            async with db.acquire(self._pool) as conn:
                original = await storage.find_photo_image(conn, photo_id, Size.ORIGINAL)
            if original is None:
                raise NotFound("The photo was deleted.")
            await storage.read_to_file(self._pool, original.id, path)
            yield path
