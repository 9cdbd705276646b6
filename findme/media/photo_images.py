"""Pictures of stored photos: their originals, and renditions that are made on request."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from findme import db
from findme.db import Pool
from findme.errors import BadImage, NotFound
from findme.media import clean_originals, renditions, storage
from findme.media.clean_originals import CleanOriginal
from findme.media.cleaning.cleaner import Cleaned
from findme.media.image_workers import ImageWorkers
from findme.media.renditions import RenditionSpec
from findme.models import PhotoId, Size, StoredImage

log = logging.getLogger(__name__)


class PhotoImages:
    """Reads originals, and makes renditions and plans once."""

    def __init__(self, data_dir: Path, pool: Pool, workers: ImageWorkers) -> None:
        self._data_dir = data_dir
        self._pool = pool
        self._workers = workers
        #: Many phones request the same photo at once: only the first request makes the rendition.
        self._locks: WeakValueDictionary[tuple[PhotoId, RenditionSpec | None], asyncio.Lock] = (
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
                jpeg = await self._workers.guest_rendition(
                    path, spec.side, spec.watermark, credited=spec.credited
                )
            with jpeg:
                async with db.transaction(self._pool) as conn:
                    return await renditions.store(conn, photo_id, spec, jpeg)

    async def clean_original(self, photo_id: PhotoId) -> StoredImage:
        """Return a photo's original with the essentials of its metadata; make its plan if needed.

        If it cannot be cleaned, it is a rendition of all its pixels, as `rendition` makes it: no
        file leaves that may say more. NotFound if the photo was deleted.
        """
        async with self._locks.setdefault((photo_id, None), asyncio.Lock()):
            async with db.acquire(self._pool) as conn:
                found = await clean_originals.find(conn, photo_id)
            if found is None:
                async with self.original(photo_id) as path:
                    cleaned = await self.clean(photo_id, path)
                async with db.transaction(self._pool) as conn:
                    await clean_originals.store(conn, photo_id, cleaned)
                    found = await clean_originals.find(conn, photo_id) or CleanOriginal(None)
        if found.image is None:
            return await self.rendition(photo_id, renditions.FULL_SIZE)
        return found.image

    async def clean(self, photo_id: PhotoId, path: Path) -> Cleaned | None:
        """Return the plan of a photo's clean original; None if it cannot be cleaned."""
        try:
            return await self._workers.clean(path)
        except BadImage as problem:
            log.warning("[Cleaning] Photo %s is sent as a new JPEG: %s", photo_id, problem)
            return None

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
