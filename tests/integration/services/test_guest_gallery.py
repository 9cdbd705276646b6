"""A gallery is read without a request: lists, counts, and one photo among the others."""

import pytest

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.cache import PHOTOS
from findme.db import Pool
from findme.errors import GalleryIsPrivate, NotFound
from findme.gallery import events
from findme.messaging import live_updates
from findme.models import Event, PhotoId
from findme.resources import Resources
from findme.services.guest_gallery import GuestGallery, Tab
from findme.services.photo_marks import PhotoMarks
from tests.support.helpers import add_gala, add_match, add_photos, member


@pytest.fixture
def gallery(resources: Resources) -> GuestGallery:
    return GuestGallery(resources.pool, resources.cache)


@pytest.fixture
async def shown(pool: Pool) -> tuple[Event, Guest, list[PhotoId]]:
    """Five photos, oldest first: the guest is surely on two of them and maybe on a third."""
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
        photo_ids = [PhotoId(number) for number in await add_photos(conn, {"id": event.id}, 5)]
    ada = await member(pool, {"id": event.id})
    async with db.transaction(pool) as conn:
        for photo_id, similarity in zip(photo_ids, (99.0, 99.0, 85.0), strict=False):
            await add_match(conn, ada.guest_id, photo_id, similarity)
        guest = await guests.find(conn, event.id, ada.user_id)
    assert guest is not None
    return event, guest, photo_ids


async def test_a_list_comes_from_the_cache_as_it_came_from_the_database(
    resources: Resources, gallery: GuestGallery, shown: tuple[Event, Guest, list[PhotoId]]
) -> None:
    event, guest, photo_ids = shown
    read = await gallery.list_photos(event, guest, Tab.MINE, before=None, limit=1)
    cached = await gallery.list_photos(event, guest, Tab.MINE, before=None, limit=1)

    assert cached == read
    assert (read.total, [photo.id for photo in read.photos]) == (2, [photo_ids[1]])
    assert resources.cache.hits[PHOTOS].hits == 1
    rest = await gallery.list_photos(event, guest, Tab.MINE, before=read.following, limit=1)
    assert ([photo.id for photo in rest.photos], rest.following) == ([photo_ids[0]], None)


async def test_a_mark_makes_the_lists_of_its_guest_stale(
    resources: Resources, gallery: GuestGallery, shown: tuple[Event, Guest, list[PhotoId]]
) -> None:
    event, guest, photo_ids = shown
    on = resources
    marks = PhotoMarks(on.settings, on.pool, on.cache, on.queue)

    async def listed(tab: Tab) -> list[PhotoId]:
        page = await gallery.list_photos(event, guest, tab, before=None, limit=10)
        return [photo.id for photo in page.photos]

    assert await listed(Tab.FAVOURITES) == []
    await marks.add_favourite(guest.user_id, photo_ids[4])
    assert await listed(Tab.FAVOURITES) == [photo_ids[4]]
    assert await listed(Tab.MINE) == [photo_ids[1], photo_ids[0]]
    await marks.reject(guest.user_id, photo_ids[1])
    await marks.confirm(guest.user_id, photo_ids[2], None)
    assert await listed(Tab.MINE) == [photo_ids[2], photo_ids[0]]


async def test_the_summary_says_what_live_updates_say(
    pool: Pool, gallery: GuestGallery, shown: tuple[Event, Guest, list[PhotoId]]
) -> None:
    event, guest, _ = shown
    summary = await gallery.summarise(event, guest)
    async with db.acquire(pool) as conn:
        news = await live_updates.look(conn, event.id, [guest.id], None)

    assert (summary.mine, summary.maybe, summary.all, summary.total) == (2, 1, 5, 5)
    assert news is not None
    standing = news.guests[guest.id]
    assert (standing.mine, standing.maybe) == (summary.mine, summary.maybe)
    assert (news.visible, news.total) == (summary.all, summary.total)
    # no face of theirs was searched with the guest's selfie yet
    assert standing.done == summary.searched < summary.total


async def test_a_view_counts_the_photos_of_its_tab_that_it_lists(
    pool: Pool, gallery: GuestGallery, shown: tuple[Event, Guest, list[PhotoId]]
) -> None:
    """A match that is found between list and counts is still news to the page's script."""
    event, guest, photo_ids = shown
    before = await gallery.view(event, guest, Tab.MINE, before=None, limit=10)
    async with db.transaction(pool) as conn:
        await add_match(conn, guest.id, photo_ids[3], 99.0)

    view = await gallery.view(event, guest, Tab.MINE, before=None, limit=10)

    assert view.page == before.page
    assert view.summary.mine == len(view.page.photos) == 2
    assert (await gallery.summarise(event, guest)).mine == 3


async def test_a_photo_knows_its_place_in_each_tab(
    gallery: GuestGallery, shown: tuple[Event, Guest, list[PhotoId]]
) -> None:
    event, guest, photo_ids = shown
    mine = await gallery.find_photo(event, guest, photo_ids[0], Tab.MINE)
    everyones = await gallery.find_photo(event, guest, photo_ids[0], Tab.ALL)

    assert (mine.place.newer, mine.place.older) == (photo_ids[1], None)
    assert (mine.place.number, mine.place.total) == (2, 2)
    assert (everyones.place.number, everyones.place.total) == (5, 5)


async def test_everyones_photos_are_not_listed_in_a_gallery_of_own(
    pool: Pool, gallery: GuestGallery, shown: tuple[Event, Guest, list[PhotoId]]
) -> None:
    event, guest, photo_ids = shown
    async with db.transaction(pool) as conn:
        await conn.execute("update event set gallery = 'own' where id = $1", event.id)
        event = await events.get(conn, event.id)

    with pytest.raises(GalleryIsPrivate):
        await gallery.list_photos(event, guest, Tab.ALL, before=None, limit=10)
    with pytest.raises(NotFound):
        await gallery.find_photo(event, guest, photo_ids[4], Tab.MINE)
    mine = await gallery.list_photos(event, guest, Tab.MINE, before=None, limit=10)
    assert mine.total == 2
