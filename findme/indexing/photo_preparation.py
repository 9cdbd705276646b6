"""A photo's renditions and its faces at the engine: what indexing and re-indexing share."""

import logging

from findme import db
from findme.cache import Cache
from findme.db import Pool
from findme.errors import ImageTooLarge
from findme.gallery import events, photos
from findme.gallery.photos import Photo
from findme.media import clean_originals, storage
from findme.media.cleaning.cleaner import Cleaned
from findme.media.image_workers import ImageWorkers
from findme.media.images import Renditions, crowded
from findme.media.photo_images import PhotoImages
from findme.media.storage import ImageOwner
from findme.messaging import webhooks
from findme.models import Event, KeptFaces, PhotoState, Size
from findme.recognition.types import IndexResult, QualityFilter
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)


class PhotoPreparation:
    """Makes thumbnails and previews, and sends photos to the engine."""

    def __init__(
        self,
        pool: Pool,
        faces: Rekognition,
        cache: Cache,
        workers: ImageWorkers,
        images: PhotoImages,
    ) -> None:
        self._pool = pool
        self._faces = faces
        self._cache = cache
        self._workers = workers
        self._images = images

    async def prepare(self, photo: Photo) -> bytes:
        """Store thumbnail, preview and clean original once; return the engine's JPEG."""
        async with self._images.original(photo.id) as path:
            made = await self._workers.render(path)
            # a failed photo starts afresh: it may have failed before its pictures were stored
            if photo.state in (PhotoState.RECEIVED, PhotoState.FAILED):
                cleaned = await self._images.clean(photo.id, path)
                await self._store(photo, made, cleaned)
        return made.analysis

    async def index_faces_adaptively(
        self, event: Event, photo: Photo, analysis: bytes, quality: QualityFilter
    ) -> IndexResult:
        """Index a photo's faces, and if the embedded engine sees a crowd, those of a larger JPEG.

        AWS charges for each call and accepts no larger picture, so there the first call counts.
        If the event keeps faces of guests only, the faces are detected, and nothing is kept.
        """
        result = await self._look(event, photo, analysis, quality)
        boxes = [face.box for face in result.faces] + [face.box for face in result.unindexed]
        if not self._faces.embedded or not crowded(boxes, photo.width, photo.height):
            return result
        try:
            async with self._images.original(photo.id) as path:
                larger = await self._workers.closer(path)
        except ImageTooLarge as problem:
            log.warning("[Indexing] Photo %s has no closer look: %s", photo.id, problem)
            return result
        closer = await self._look(event, photo, larger, quality)
        seen = set(closer.vectors)
        await self._faces.delete_faces(
            event.collection_id, [face for face in result.vectors if face not in seen]
        )
        return closer

    async def _look(
        self, event: Event, photo: Photo, jpeg: bytes, quality: QualityFilter
    ) -> IndexResult:
        if event.faces is KeptFaces.GUESTS_ONLY:
            return await self._faces.detect_faces(event.collection_id, jpeg, quality=quality)
        return await self._faces.index_faces(
            event.collection_id, jpeg, photo.external_id, quality=quality
        )

    async def _store(self, photo: Photo, made: Renditions, cleaned: Cleaned | None) -> None:
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, photo.event_id)
            await conn.execute(
                "delete from image where photo_id = $1 and size <> 'original'", photo.id
            )
            owner = ImageOwner(photo_id=photo.id)
            await storage.store_bytes(conn, made.preview, owner, size=Size.PREVIEW)
            await storage.store_bytes(conn, made.thumb, owner, size=Size.THUMB)
            await clean_originals.store(conn, photo.id, cleaned)
            await photos.mark_prepared(
                conn,
                photo.id,
                placeholder=made.placeholder,
                width=made.width,
                height=made.height,
            )
            await webhooks.announce_photo(conn, photo.event_id, photo.id)
        await self._cache.forget_event(photo.event_id)
