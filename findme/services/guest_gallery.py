"""A guest's view of an event: their lists of photos, the counts, one photo among the others.

Lists are cached under the event's version: as rows for pages, and as `web` packs them for the API.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from findme import db
from findme.accounts import selfie_pictures
from findme.accounts.admission import NotAdmitted
from findme.accounts.guests import Guest
from findme.cache import PHOTOS, Cache
from findme.db import Connection, Pool
from findme.errors import GalleryIsPrivate, NotFound
from findme.gallery import (
    download_size,
    exports,
    guest_photos,
    guest_summary,
    photo_position,
)
from findme.gallery.guest_photos import ListedPhoto, Listing
from findme.gallery.guest_summary import Summary
from findme.gallery.photo_position import PhotoPosition
from findme.models import (
    Cursor,
    DownloadSize,
    Event,
    Gallery,
    PhotoId,
    SelfieId,
    Shelf,
)

#: Faces on the shelf that links to the questions.
FACES = 3
#: Photos of a page that is packed on the event loop: half a millisecond.
MOST_ON_THE_LOOP = 150
#: Photos of a guest's tab that one photo's position is looked up in.
MOST_POSITIONS = 1000


class Tab(StrEnum):
    """A list of photos in a gallery."""

    MINE = "mine"
    MAYBE = "maybe"
    ALL = "all"
    FAVOURITES = "favourites"


@dataclass(frozen=True, slots=True)
class PhotoPage:
    """A page of a list, newest first."""

    photos: Sequence[ListedPhoto]
    #: Photos of the whole list.
    total: int
    #: The cursor of the next page; None on the last one.
    following: Cursor | None


@dataclass(frozen=True, slots=True)
class GalleryView:
    """A tab as its page shows it."""

    page: PhotoPage
    summary: Summary
    #: Uncertain photos, for the shelf that leads to the questions.
    maybe: Sequence[ListedPhoto]
    #: The newest selfie that the guest is searched for with, if its picture is kept.
    selfie_id: SelfieId | None
    #: Whether new photos of the guest can only be found with another selfie.
    needs_selfie: bool
    #: Bytes of the guest's download; None if they are unknown before it is made.
    download_bytes: int | None


@dataclass(frozen=True, slots=True)
class PhotoView:
    """One photo as its page shows it."""

    photo: ListedPhoto
    original_bytes: int
    #: The guest's verdict: `me`, `not_me`, or None.
    says: str | None
    place: PhotoPosition


_DECODER = msgspec.msgpack.Decoder(PhotoPage)
#: A part of each key: processes of another version, with other fields, may share the cache.
_SHAPE = hashlib.sha256(repr(ListedPhoto.__struct_fields__).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class GuestGallery:
    """Reads galleries for guests."""

    pool: Pool
    cache: Cache

    async def list_photos(
        self,
        event: Event,
        guest: Guest,
        tab: Tab,
        *,
        before: Cursor | None,
        limit: int,
        is_admin: bool = False,
    ) -> PhotoPage:
        """Return a page of a tab, from the cache or the database.

        NotAdmitted if the guest waits for the organiser. GalleryIsPrivate for everyone's photos if
        the gallery is `own`, or if the guest gave no consent and nobody may browse; not for an
        admin.
        """
        _check_open(event, guest, tab, is_admin=is_admin)

        async def read() -> bytes:
            return msgspec.msgpack.encode(await self._read(event, guest, tab, before, limit))

        key = await self._key(event, guest, tab, before, limit)
        packed = await self.cache.get(PHOTOS, key, read)
        assert packed is not None
        return _DECODER.decode(packed)

    async def packed_photos(
        self,
        event: Event,
        guest: Guest,
        tab: Tab,
        pack: Callable[[PhotoPage], bytes],
        *,
        before: Cursor | None,
        limit: int,
        is_admin: bool = False,
    ) -> bytes:
        """Return a page of a tab as *pack* made it of its rows; a hit packs nothing.

        *pack* depends on its page and the event's options alone. It runs in a thread if the page
        is long: a thousand photos take ten milliseconds, a hundred less than the way to the thread
        and back.
        GalleryIsPrivate as above.
        """
        _check_open(event, guest, tab, is_admin=is_admin)

        async def make() -> bytes:
            page = await self._read(event, guest, tab, before, limit)
            if len(page.photos) <= MOST_ON_THE_LOOP:
                return pack(page)
            return await asyncio.to_thread(pack, page)

        key = await self._key(event, guest, tab, before, limit)
        # a page that was packed by a record of the event that has changed since is another one's
        options = f"{event.downloads:d}:{event.download_size}:{event.metadata}:{event.watermark}"
        packed = await self.cache.get(PHOTOS, f"page:{key}:{options}", make)
        assert packed is not None
        return packed

    async def _key(
        self, event: Event, guest: Guest, tab: Tab, before: Cursor | None, limit: int
    ) -> str:
        # versions are read before the rows: a change in between makes this page stale at once
        version = await self.cache.version(event.id)
        marked = await self.cache.guest_version(guest.id)
        end = None if before is None else (before.dated_at.isoformat(), before.id)
        return f"{event.id}:{version}:{marked}:{_SHAPE}:{tab}:{guest.id}:{end}:{limit}"

    async def _read(
        self, event: Event, guest: Guest, tab: Tab, before: Cursor | None, limit: int
    ) -> PhotoPage:
        async with db.acquire(self.pool) as conn:
            found = await self._list(conn, event, guest, tab, before, limit + 1, counted=True)
        assert found.total is not None
        photos, more = found.photos[:limit], len(found.photos) > limit
        return PhotoPage(photos, found.total, photos[-1].cursor if more else None)

    async def view(
        self, event: Event, guest: Guest, tab: Tab, *, before: Cursor | None, limit: int
    ) -> GalleryView:
        """Return what the page of a tab shows."""
        page = await self.list_photos(event, guest, tab, before=before, limit=limit)
        weighed = event.download_size is DownloadSize.ORIGINAL and not event.watermark
        async with db.acquire(self.pool) as conn:
            summary = await guest_summary.find(conn, event.id, guest.id)
            # a later count would include photos that the page does not show, and its script
            # would take them for shown
            summary = replace(summary, **{tab.value: page.total})
            selfie_id = await selfie_pictures.find_newest(conn, guest.id)
            needs_selfie = await selfie_pictures.needs_another(conn, guest.id)
            download_bytes = None
            if tab is Tab.MINE and weighed:
                download_bytes = await download_size.weigh(conn, guest.id, event.metadata)
        maybe: Sequence[ListedPhoto] = []
        if tab is Tab.MINE and summary.maybe:
            shelf = await self.list_photos(event, guest, Tab.MAYBE, before=None, limit=FACES)
            maybe = shelf.photos
        return GalleryView(page, summary, maybe, selfie_id, needs_selfie, download_bytes)

    async def summarise(self, event: Event, guest: Guest) -> Summary:
        """Return how much is on each tab, and the progress of the search; NotAdmitted."""
        _check_open(event, guest, Tab.MINE, is_admin=False)
        async with db.acquire(self.pool) as conn:
            return await guest_summary.find(conn, event.id, guest.id)

    async def find_photo(
        self, event: Event, guest: Guest, photo_id: PhotoId, tab: Tab
    ) -> PhotoView:
        """Return a photo with its position in a tab.

        NotFound if it is of another event or the guest may not see it; GalleryIsPrivate for a
        position among everyone's photos if the gallery is `own`.
        """
        async with db.acquire(self.pool) as conn:
            photo = await self._find_listed(conn, event, guest, photo_id)
            originals = await exports.list_originals(conn, [photo_id])
            says = await photo_position.find_verdict(conn, guest.id, photo_id)
            place = await self._find_place(conn, event, guest, photo, tab)
        size = sum(original.bytes_for_guests(event) for original in originals)
        return PhotoView(photo, size, says, place)

    async def is_favourite(self, event: Event, guest: Guest, photo_id: PhotoId) -> bool:
        """Whether the guest marked a photo; NotFound if they may not see it."""
        async with db.acquire(self.pool) as conn:
            return (await self._find_listed(conn, event, guest, photo_id)).favourite

    async def _list(
        self,
        conn: Connection,
        event: Event,
        guest: Guest,
        tab: Tab,
        before: Cursor | None,
        limit: int,
        *,
        counted: bool = False,
    ) -> Listing:
        if tab is Tab.ALL:
            return await guest_photos.list_everyones(
                conn, event.id, guest.id, before=before, limit=limit, counted=counted
            )
        if tab is Tab.FAVOURITES:
            return await guest_photos.list_favourites(
                conn, guest.id, before=before, limit=limit, counted=counted
            )
        return await guest_photos.list_mine(
            conn, guest.id, _SHELVES[tab], before=before, limit=limit, counted=counted
        )

    async def _find_listed(
        self, conn: Connection, event: Event, guest: Guest, photo_id: PhotoId
    ) -> ListedPhoto:
        cursor = await guest_photos.find_cursor(conn, photo_id)
        if cursor is None:
            raise NotFound
        found = await guest_photos.list_everyones(
            conn,
            event.id,
            guest.id,
            before=Cursor(cursor.dated_at, PhotoId(photo_id + 1)),
            limit=1,
        )
        if not found.photos or found.photos[0].id != photo_id:
            raise NotFound
        if not await guest_photos.may_see(conn, photo_id, guest.user_id):
            raise NotFound
        return found.photos[0]

    async def _find_place(
        self, conn: Connection, event: Event, guest: Guest, photo: ListedPhoto, tab: Tab
    ) -> PhotoPosition:
        if tab is Tab.ALL:
            if event.gallery is Gallery.OWN:
                raise GalleryIsPrivate
            return await photo_position.position_among_all(conn, event.id, photo.cursor)
        others = await self._list(conn, event, guest, tab, None, MOST_POSITIONS)
        return photo_position.position_among(
            photo.cursor, [other.cursor for other in others.photos]
        )


_SHELVES = {Tab.MINE: Shelf.SURE, Tab.MAYBE: Shelf.MAYBE}


def _check_open(event: Event, guest: Guest, tab: Tab, *, is_admin: bool) -> None:
    """Raise NotAdmitted or GalleryIsPrivate if the guest may not see a tab."""
    if guest.waits and not is_admin:
        raise NotAdmitted
    hidden = not guest.consented and not event.browse
    if tab is Tab.ALL and (event.gallery is Gallery.OWN or hidden) and not is_admin:
        raise GalleryIsPrivate
