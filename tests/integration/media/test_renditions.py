"""What guests get of a photo: originals, smaller ones, with a watermark, or nothing to keep."""

import io
import zipfile
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.conftest import App
from tests.support.helpers import add_match, change_event, make_event, member, problem, upload

FAR = 51.0
GPS_IFD = 0x8825


def photograph(width: int = 2600, height: int = 1800) -> bytes:
    """Return a grey JPEG that says where and by whom it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "Camera Maker", "Martin"
    exif.get_ifd(GPS_IFD).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#808080").save(out, "JPEG", exif=exif, quality=90)
    return out.getvalue()


class SharedPhoto:
    """An event with one photo of one guest."""

    def __init__(self, app: App, event: dict[str, Any], guest: dict[str, str], photo: str) -> None:
        self.app = app
        self.event = event
        self.guest = guest
        self.photo = photo

    async def get(self, size: str, headers: dict[str, str] | None = None, **more: str) -> Any:
        """Ask for the photo; the body is read."""
        answer = await self.app.client.get(
            f"/api/photo/{self.photo}",
            params={"size": size, **more},
            headers=self.guest if headers is None else headers,
        )
        await answer.read()
        return answer

    async def picture(self, size: str, headers: dict[str, str] | None = None) -> Image.Image:
        """Return the photo as pixels."""
        answer = await self.get(size, headers)
        assert answer.status == 200
        return Image.open(io.BytesIO(await answer.read()))

    async def listed(self) -> dict[str, Any]:
        """Return the photo as the guest's list shows it."""
        (photo,) = await (
            await self.app.client.get(
                "/api/my-photos", params={"event": self.event["id"]}, headers=self.guest
            )
        ).json()
        assert isinstance(photo, dict)
        return photo

    async def archive(self, path: str = "/api/my-photos.zip") -> Any:
        """Ask for the guest's archive; the body is read."""
        answer = await self.app.client.get(
            path, params={"event": self.event["id"]}, headers=self.guest
        )
        await answer.read()
        return answer


@pytest.fixture
async def shared(app: App) -> SharedPhoto:
    """A guest's photo, uploaded and prepared."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    verdict = await upload(app, event, "IMG_1.JPG", photograph())
    await app.drain()
    async with app.resources.pool.acquire() as conn:
        await add_match(conn, ada.guest_id, int(verdict["photo_id"]), 99)
    return SharedPhoto(app, event, ada.headers, verdict["photo_id"])


def marked(picture: Image.Image) -> bool:
    """Whether something is written into the lower right corner of a grey picture."""
    width, height = picture.size
    corner = picture.convert("L").crop((width // 2, int(height * 0.9), width, height))
    return ImageStat.Stat(corner).stddev[0] > 2


async def test_without_a_choice_guests_get_the_original(shared: SharedPhoto) -> None:
    photo = await shared.listed()
    original = await shared.picture("original")

    assert photo["original_url"] == f"/api/photo/{shared.photo}?size=original"
    assert original.size == (2600, 1800)
    assert not marked(original)


async def test_downloads_off_means_nothing_to_keep(shared: SharedPhoto) -> None:
    """The preview stays; the admin has the original all the same."""
    await change_event(shared.app, shared.event, downloads=False)

    assert await problem(await shared.get("original")) == (403, "downloads_off")
    assert await problem(await shared.archive()) == (403, "downloads_off")
    assert (await shared.get("preview")).status == 200
    assert (await shared.get("original", shared.app.admin)).status == 200
    assert (await shared.listed())["original_url"] is None


async def test_downloads_off_does_not_tell_strangers_that_there_is_a_photo(
    shared: SharedPhoto,
) -> None:
    other = await make_event(shared.app, "Other")
    stranger = await member(shared.app.resources.pool, other, "eve@example.org")
    await change_event(shared.app, shared.event, downloads=False, watermark="©")

    for size in ("original", "preview", "thumb"):
        assert await problem(await shared.get(size, stranger.headers)) == (404, "not_found")
        assert (await shared.get(size, {})).status == 401


async def test_large_is_a_jpeg_of_2000_pixels_without_metadata(shared: SharedPhoto) -> None:
    await change_event(shared.app, shared.event, download_size="large")

    large = await shared.picture("original")

    assert large.format == "JPEG"
    assert large.size == (2000, 1385)
    assert dict(large.getexif()) == {0x013B: "Martin"}
    assert not marked(large)
    # for the organiser it is the file that was uploaded
    assert (await shared.picture("original", shared.app.admin)).size == (2600, 1800)


async def test_a_watermark_is_on_what_is_seen_and_taken_but_not_on_tiles(
    shared: SharedPhoto,
) -> None:
    await change_event(shared.app, shared.event, watermark="© Léa Martin")

    assert marked(await shared.picture("preview"))
    whole = await shared.picture("original")
    assert marked(whole)
    assert whole.size == (2600, 1800)
    assert not marked(await shared.picture("thumb"))
    assert not marked(await shared.picture("preview", shared.app.admin))


async def test_another_watermark_makes_other_pictures_under_other_addresses(
    shared: SharedPhoto,
) -> None:
    """An address that carries the version is for ever; an old one is asked for again."""
    plain = (await shared.listed())["preview_url"]
    await change_event(shared.app, shared.event, watermark="© Léa")
    first = await shared.listed()
    before = await shared.app.client.get(first["preview_url"], headers=shared.guest)
    await change_event(shared.app, shared.event, watermark="© Zoé")
    second = await shared.listed()
    after = await shared.app.client.get(second["preview_url"], headers=shared.guest)
    stale = await shared.app.client.get(first["preview_url"], headers=shared.guest)

    assert len({plain, first["preview_url"], second["preview_url"]}) == 3
    assert before.headers["ETag"] != after.headers["ETag"]
    assert "immutable" in before.headers["Cache-Control"]
    assert "immutable" in after.headers["Cache-Control"]
    assert stale.headers["ETag"] == after.headers["ETag"]
    assert stale.headers["Cache-Control"] == "private, no-cache"
    # one of each kind is kept
    kept = await shared.app.resources.pool.fetch("select recipe from image where size = 'marked'")
    assert [row["recipe"] for row in kept] == ["1600 © Zoé"]
    await change_event(shared.app, shared.event, watermark=None)
    assert (await shared.listed())["preview_url"] == plain
    assert not marked(await shared.picture("preview"))


async def test_what_is_made_is_made_once(shared: SharedPhoto) -> None:
    await change_event(shared.app, shared.event, download_size="large")

    first = await shared.get("original")
    again = await shared.get("original")

    assert first.headers["ETag"] == again.headers["ETag"]
    count = "select count(*) from image where size = 'download'"
    assert await shared.app.resources.pool.fetchval(count) == 1
    answer = await shared.app.client.get(
        f"/api/photo/{shared.photo}?size=original",
        headers={**shared.guest, "If-None-Match": first.headers["ETag"]},
    )
    assert answer.status == 304


async def test_the_archive_is_made_as_guests_may_have_it(shared: SharedPhoto) -> None:
    """Its length is not known before the pictures are made; then it is."""
    await change_event(shared.app, shared.event, download_size="large", watermark="© Léa")
    heic = {"filename": "IMG_1.HEIC"}
    await shared.app.resources.pool.execute("update photo set filename = $1", heic["filename"])

    first = await shared.archive()
    second = await shared.archive()

    assert "Content-Length" not in first.headers
    body = await second.read()
    assert second.headers["Content-Length"] == str(len(body))
    for answer in (first, second):
        with zipfile.ZipFile(io.BytesIO(await answer.read())) as opened:
            assert opened.testzip() is None
            assert opened.namelist() == ["IMG_1.jpg"]
            picture = Image.open(io.BytesIO(opened.read("IMG_1.jpg")))
            assert picture.size == (2000, 1385)
            assert marked(picture)


async def test_a_photo_that_cannot_be_made_is_left_out_of_the_archive(shared: SharedPhoto) -> None:
    """As where its bytes were damaged on the disk; the others are there."""
    verdict = await upload(shared.app, shared.event, "two.jpg", photograph(900, 700))
    await shared.app.drain()
    pool = shared.app.resources.pool
    async with pool.acquire() as conn:
        guest_id = await conn.fetchval("select id from guest")
        await add_match(conn, guest_id, int(verdict["photo_id"]), 99)
        await conn.execute(
            """
            update image_chunk set bytes = '\\xffd8ffe0' where image_id = (
                select id from image where photo_id = $1 and size = 'original')""",
            int(shared.photo),
        )
    await change_event(shared.app, shared.event, download_size="large")

    answer = await shared.archive()

    with zipfile.ZipFile(io.BytesIO(await answer.read())) as opened:
        assert opened.namelist() == ["two.jpg"]
        assert opened.testzip() is None


async def test_the_export_has_what_the_guest_sees(shared: SharedPhoto) -> None:
    """Everybody's own copy of their data is theirs, even where downloads are off."""
    await change_event(shared.app, shared.event, downloads=False)

    answer = await shared.archive("/api/me/export")

    with zipfile.ZipFile(io.BytesIO(await answer.read())) as opened:
        picture = Image.open(io.BytesIO(opened.read("photos/Gala/IMG_1.JPG")))
    assert picture.size == (1600, 1108)


async def test_a_watermark_changes_only_its_corner(shared: SharedPhoto) -> None:
    plain = await shared.picture("preview")
    await change_event(shared.app, shared.event, watermark="© Léa")

    box = (
        ImageChops.difference(plain, await shared.picture("preview"))
        .point(lambda value: 255 if value > FAR else 0)
        .getbbox()
    )

    assert box is not None
    assert box[0] > 1600 / 2
    assert box[1] > 1108 * 0.9
