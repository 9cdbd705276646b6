"""Pictures as their viewers may have them: stored, or made with the organiser's options."""

from dataclasses import dataclass

from findme import db
from findme.db import Pool
from findme.errors import DownloadsOff, NotFound
from findme.faces import threshold_preview
from findme.gallery import events, guest_photos, live_wall, small_pictures
from findme.media import renditions, storage
from findme.media.image_workers import ImageWorkers
from findme.media.photo_images import PhotoImages
from findme.models import FaceId, Metadata, PhotoId, Size, StoredImage, User


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture that somebody may see."""

    image: StoredImage
    #: The version in its address (see `renditions.version_of`).
    version: str
    #: All its bytes if they are few and were read with it.
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Finds the picture of a photo for a guest, an admin or a live wall."""

    pool: Pool
    images: PhotoImages
    image_workers: ImageWorkers

    async def find_for_guest(self, user: User, photo_id: PhotoId, size: Size) -> Picture:
        """Return a photo's picture as a guest gets it, made now if it does not exist yet.

        NotFound if they may not see the photo, DownloadsOff for an original if there is none.
        """
        # an organiser's options change nothing of a thumbnail
        if size is Size.THUMB:
            return await self._find_thumbnail(user, photo_id)
        image = None
        async with db.acquire(self.pool) as conn:
            if not await guest_photos.may_see(conn, photo_id, user.id):
                raise NotFound
            event = await events.of_photo(conn, photo_id)
            spec = renditions.spec_of(event, size)
            clean = size is Size.ORIGINAL and event.metadata is Metadata.ESSENTIAL
            if spec is None and not clean:
                image = await storage.find_photo_image(conn, photo_id, size)
        if size is Size.ORIGINAL and not event.downloads:
            raise DownloadsOff
        if spec is not None:
            image = await self.images.rendition(photo_id, spec)
        elif clean:
            image = await self.images.clean_original(photo_id)
        if image is None:
            raise NotFound
        return Picture(image, renditions.version_of(event))

    async def _find_thumbnail(self, user: User, photo_id: PhotoId) -> Picture:
        async with db.acquire(self.pool) as conn:
            found = await small_pictures.find(conn, photo_id, user.id, Size.THUMB)
        if found is None:
            raise NotFound
        return Picture(found[0], "", found[1])

    async def find_for_admin(self, photo_id: PhotoId, size: Size) -> Picture:
        """Return a photo's picture as it is stored; NotFound."""
        async with db.acquire(self.pool) as conn:
            image = await storage.find_photo_image(conn, photo_id, size)
        if image is None:
            raise NotFound
        return Picture(image, "")

    async def find_for_wall(self, token: str, photo_id: PhotoId) -> StoredImage:
        """Return a photo's preview on the live wall, with the watermark that guests see."""
        async with db.acquire(self.pool) as conn:
            wall = await live_wall.find(conn, token)
            image = await live_wall.find_picture(conn, wall.event_id, photo_id)
            spec = renditions.spec_of(await events.get(conn, wall.event_id), Size.PREVIEW)
        if image is not None and spec is not None:
            image = await self.images.rendition(photo_id, spec)
        if image is None:
            raise NotFound
        return image

    async def cut_out_face(self, face_id: FaceId) -> bytes:
        """Return a square JPEG of a face, cut out of its photo; NotFound."""
        async with db.acquire(self.pool) as conn:
            photo_id, box = await threshold_preview.find_face(conn, face_id)
            image = await storage.find_photo_image(conn, photo_id, Size.PREVIEW)
        if image is None:
            raise NotFound
        jpeg = await storage.read_bytes(self.pool, image.id)
        return await self.image_workers.cut_out_face(jpeg, box)
