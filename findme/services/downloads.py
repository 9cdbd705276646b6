"""ZIP archives for guests: their photos of an event, or everything that is stored about them.

Photos are as the organiser lets guests have them. A rendition that does not exist yet is made when
its turn comes; the length of the archive is then unknown beforehand.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import orjson

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.db import Pool
from findme.errors import BadImage, DownloadsOff, NotFound
from findme.gallery import events, exports, guest_photos
from findme.gallery.exports import Original
from findme.media import renditions, sent_bytes, storage, zip_stream
from findme.media.photo_images import PhotoImages
from findme.media.zip_stream import ZipEntry
from findme.models import Event, Metadata, PhotoId, Shelf, StoredImage, UserId

log = logging.getLogger(__name__)

#: Photos that are listed with one statement.
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Archive:
    """The members of a ZIP, which `web` streams."""

    filename: str
    entries: Sequence[ZipEntry]
    photos: int


@dataclass(frozen=True, slots=True)
class Downloads:
    """Lists what goes into an archive; no byte of a picture is read before it is streamed."""

    pool: Pool
    images: PhotoImages

    async def pack_photos(
        self, event: Event, guest: Guest, chosen: Collection[int] | None
    ) -> Archive:
        """Return the archive of a guest's sure photos, or of the *chosen* ones of them.

        DownloadsOff, NotFound if no photo is left.
        """
        if not event.downloads:
            raise DownloadsOff
        photos = [
            photo
            for photo in await self._list_sure_photos(guest)
            if chosen is None or photo.photo_id in chosen
        ]
        if not photos:
            raise NotFound("There is no photo to take home.")
        return Archive(f"{event.name}.zip", await self._entries(event, photos), len(photos))

    async def pack_export(self, user_id: UserId) -> Archive:
        """Return the archive of everything about a user: account.json, selfies, sure photos.

        If an event's downloads are off, its photos are as the guest sees them on the page.
        """
        async with db.acquire(self.pool) as conn:
            known = await exports.everything_on(conn, user_id)
            selfies = await exports.list_selfies(conn, user_id)
            joined = [
                (await events.get(conn, guest.event_id), guest)
                for guest in await guests.list_by_user(conn, user_id)
            ]
        names = zip_stream.distinct_names(event.name for event, _ in joined)
        folders = dict(zip([event.id for event, _ in joined], names, strict=True))
        entries = [
            ZipEntry(
                f"selfies/{folders[selfie.event_id]}/selfie-{selfie.id}.jpg",
                selfie.size_bytes,
                selfie.at,
                partial(storage.read_chunks, self.pool, selfie.image_id),
            )
            for selfie in selfies
            if selfie.event_id in folders
        ]
        count = 0
        for event, guest in joined:
            photos = await self._list_sure_photos(guest)
            entries += await self._entries(event, photos, f"photos/{folders[event.id]}/")
            count += len(photos)
        now = datetime.now(UTC)
        text = orjson.dumps(
            {"exported_at": now, **known, "files": [entry.name for entry in entries]},
            option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z,
        )
        entries.insert(0, ZipEntry("account.json", len(text), now, partial(_whole, text)))
        return Archive(f"FindMe {now:%Y-%m-%d}.zip", entries, count)

    async def _list_sure_photos(self, guest: Guest) -> list[Original]:
        photo_ids: list[PhotoId] = []
        before = None
        async with db.acquire(self.pool) as conn:
            while True:
                page = await guest_photos.list_mine(
                    conn, guest.id, Shelf.SURE, before=before, limit=PAGE
                )
                photo_ids += [photo.id for photo in page.photos]
                if len(page.photos) < PAGE:
                    return await exports.list_originals(conn, photo_ids)
                before = page.photos[-1].cursor

    async def _entries(
        self, event: Event, photos: Sequence[Original], folder: str = ""
    ) -> list[ZipEntry]:
        """Return the members for photos, as guests of the event may have them."""
        spec = renditions.download_spec(event)
        if spec is None and event.metadata is Metadata.FULL:
            return exports.archive_entries(self.pool, photos, folder)
        # a file that cannot be cleaned is made anew
        made = {photo.photo_id for photo in photos if spec is not None or photo.uncleanable}
        async with db.acquire(self.pool) as conn:
            sizes = await renditions.sizes(conn, [*made], spec or renditions.FULL_SIZE)
        names = zip_stream.distinct_names(
            renditions.file_name(photo.filename) if photo.photo_id in made else photo.filename
            for photo in photos
        )
        entries = []
        for photo, name in zip(photos, names, strict=True):
            size = sizes.get(photo.photo_id) if photo.photo_id in made else photo.clean_bytes
            find = partial(self.images.clean_original, photo.photo_id)
            if spec is not None:
                find = partial(self.images.rendition, photo.photo_id, spec)
            entries.append(
                ZipEntry(folder + name, size, photo.at, partial(self._read, photo.photo_id, find))
            )
        return entries

    async def _read(
        self, photo_id: PhotoId, find: Callable[[], Awaitable[StoredImage]]
    ) -> AsyncIterator[bytes]:
        """Yield the picture that is found or made; nothing if the photo is gone or unreadable."""
        try:
            image = await find()
        except (NotFound, BadImage) as problem:
            log.warning("[ZIP] Photo %s is left out: %s", photo_id, problem)
            return
        async for chunk in sent_bytes.read(self.pool, image):
            yield chunk


async def _whole(text: bytes) -> AsyncIterator[bytes]:
    yield text
