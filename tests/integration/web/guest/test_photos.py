"""The bytes of photos: what is sent, to whom, which part of it, and at what cost."""

import asyncio
import hashlib
import io
import socket
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, server
from findme.db import Pool
from findme.gallery import photos
from findme.jobs.no_workers import NoWorkers
from findme.media import storage
from findme.models import PhotoId
from tests.conftest import App
from tests.support.helpers import (
    Member,
    add_match,
    change_event,
    make_event,
    member,
    prepare_photo,
    problem,
    upload,
)
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]

IMMUTABLE = "private, max-age=31536000, immutable"


def with_place() -> bytes:
    """Return a JPEG that says where it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "Maker", "Martin"
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (48.0, 51.0, 29.5), "E", (2.0, 17.0, 40.0)
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(1, 1800, 1200))).save(out, "JPEG", exif=exif)
    return out.getvalue()


class Shown:
    """An event with one photo and a guest."""

    def __init__(self, app: App, event: dict[str, Any], guest: Member, photo_id: str) -> None:
        self.app, self.event, self.guest = app, event, guest
        self.photo_id, self.path = photo_id, f"/api/photo/{photo_id}"

    async def get(self, size: str | None = "original", **headers: str) -> Any:
        query = "" if size is None else f"?size={size}"
        return await self.app.client.get(
            self.path + query, headers={**self.guest.headers, **headers}
        )


@pytest.fixture
async def shown(app: App) -> Shown:
    event = await make_event(app)
    verdict = await upload(app, event, "IMG.jpg", with_place())
    await prepare_photo(app, verdict["photo_id"])
    return Shown(app, event, await member(app.resources.pool, event), verdict["photo_id"])


async def test_each_size_is_a_jpeg_of_its_size(shown: Shown) -> None:
    for size, longest in (("thumb", 400), ("preview", 1600), ("original", 1800), (None, 1600)):
        answer = await shown.get(size)
        assert (answer.status, answer.content_type) == (200, "image/jpeg")
        data = await answer.read()
        assert answer.content_length == len(data)
        assert max(Image.open(io.BytesIO(data)).size) == longest


async def test_the_older_name_serves_the_same(shown: Shown) -> None:
    older = await shown.app.client.get(
        f"/api/image/{shown.photo_id}?size=thumb", headers=shown.guest.headers
    )
    assert await older.read() == await (await shown.get("thumb")).read()


async def test_a_browser_keeps_it_for_ever_and_asks_by_etag(shown: Shown) -> None:
    answer = await shown.get("preview")
    etag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == IMMUTABLE
    assert etag.startswith('"')
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await shown.get("preview", **{"If-None-Match": known})
        assert (again.status, await again.read()) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (etag, IMMUTABLE)
    assert (await shown.get("preview", **{"If-None-Match": '"other"'})).status == 200
    assert (await shown.get("thumb")).headers["ETag"] != etag


async def test_a_range_of_an_original_is_sent_alone(shown: Shown) -> None:
    whole = await (await shown.get()).read()
    size = len(whole)
    for asked, start, stop in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-50", size - 50, size),
        (f"bytes=-{10 * size}", 0, size),
        (f"bytes=10-{10 * size}", 10, size),
        (f"bytes={size - 1}-", size - 1, size),
    ):
        answer = await shown.get(Range=asked)
        assert answer.status == 206, asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert await answer.read() == whole[start:stop]


async def test_ranges_across_chunks_are_put_together_right(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "CHUNK", 1000)
    verdict = await upload(shown.app, shown.event, "b.jpg", drawn(9))
    await prepare_photo(shown.app, verdict["photo_id"])
    shown.path = f"/api/photo/{verdict['photo_id']}"
    whole = await (await shown.get()).read()
    assert len(whole) > 3000
    for start, stop in ((0, 1000), (999, 1001), (1000, 3000), (2500, 2501), (1, len(whole))):
        answer = await shown.get(Range=f"bytes={start}-{stop - 1}")
        assert await answer.read() == whole[start:stop]


async def test_a_range_that_is_not_there_is_416(shown: Shown) -> None:
    size = len(await (await shown.get()).read())
    for asked in (f"bytes={size}-", "bytes=-0"):
        answer = await shown.get(Range=asked)
        assert await problem(answer) == (416, "requested_range_not_satisfiable")
        assert answer.headers["Content-Range"] == f"bytes */{size}"


NO_RANGES: Sequence[str] = [
    "bytes=5-2",
    "bytes=a-b",
    "bytes=-",
    "pages=1-2",
    "bytes=0-1,5-6",
    f"bytes={'9' * 5000}-",
]


async def test_a_range_that_is_none_is_overlooked(shown: Shown) -> None:
    for asked in NO_RANGES:
        answer = await shown.get(Range=asked)
        assert answer.status == 200, asked
        assert len(await answer.read()) == answer.content_length, asked


async def test_a_range_of_another_version_is_sent_whole(shown: Shown) -> None:
    etag = (await shown.get()).headers["ETag"]
    assert (await shown.get(Range="bytes=0-9", **{"If-Range": etag})).status == 206
    assert (await shown.get(Range="bytes=0-9", **{"If-Range": '"other"'})).status == 200


async def test_head_says_what_get_would(shown: Shown) -> None:
    answer = await shown.app.client.head(shown.path, headers=shown.guest.headers)
    preview = await shown.get("preview")
    assert answer.status == 200
    assert await answer.read() == b""
    for name in ("Content-Length", "ETag", "Content-Type", "Cache-Control"):
        assert answer.headers[name] == preview.headers[name]


async def test_guests_get_the_essentials_and_the_stored_original_keeps_all(shown: Shown) -> None:
    uploaded = with_place()
    sent = await (await shown.get()).read()
    exif = Image.open(io.BytesIO(sent)).getexif()
    assert dict(exif) == {0x013B: "Martin"}
    assert Image.open(io.BytesIO(sent)).tobytes() == Image.open(io.BytesIO(uploaded)).tobytes()
    rows = await shown.app.resources.pool.fetch("""
        select bytes from image_chunk join image on image.id = image_id
         where size = 'original' order by number""")
    assert b"".join(row["bytes"] for row in rows) == uploaded
    # admins have the photographer's file
    answer = await shown.app.client.get(shown.path + "?size=original", headers=shown.app.admin)
    assert await answer.read() == uploaded
    for size in ("preview", "thumb"):
        small = Image.open(io.BytesIO(await (await shown.get(size)).read()))
        assert dict(small.getexif()) == {}


async def test_every_way_out_for_guests_leads_to_the_clean_file(shown: Shown) -> None:
    """An admin's archive has what was uploaded."""
    pool = shown.app.resources.pool
    async with db.acquire(pool) as conn:
        await add_match(conn, shown.guest.guest_id, int(shown.photo_id), 99)
    event = shown.event["id"]
    clean = await (await shown.get()).read()
    sheet = f"/api/admin/events/{event}/contact-sheet.zip?ids={shown.photo_id}"
    ways = (
        (f"/api/my-photos.zip?event={event}", shown.guest.headers, clean),
        ("/api/me/export", shown.guest.headers, clean),
        (sheet, shown.app.admin, with_place()),
    )
    for path, headers, expected in ways:
        answer = await shown.app.client.get(path, headers=headers)
        data = await answer.read()
        assert int(answer.headers["Content-Length"]) == len(data), path
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith("IMG.jpg")]
            assert archive.read(name) == expected, path


async def test_an_organiser_may_let_guests_have_all_metadata(shown: Shown) -> None:
    """The address changes with the choice, for browsers keep what it led to."""
    clean = await shown.get()
    await change_event(shown.app, shown.event, metadata="full")
    full = await shown.get()

    assert await full.read() == with_place()
    assert full.headers["ETag"] != clean.headers["ETag"]
    assert full.headers["Cache-Control"] == "private, no-cache"
    listed = await (
        await shown.app.client.get(
            f"/api/all-photos?event={shown.event['id']}", headers=shown.guest.headers
        )
    ).json()
    named = await shown.app.client.get(listed[0]["original_url"], headers=shown.guest.headers)
    assert (named.headers["ETag"], named.headers["Cache-Control"]) == (
        full.headers["ETag"],
        IMMUTABLE,
    )


async def test_an_etag_says_nothing_of_what_was_left_out(shown: Shown) -> None:
    """Whoever knows the digest of the stored file finds the place by trying all of them."""
    for _ in range(2):
        answer = await shown.get()
        sent = await answer.read()
        assert answer.headers["ETag"] == f'"{hashlib.sha256(sent).hexdigest()[:32]}"'
        assert hashlib.sha256(with_place()).hexdigest()[:32] not in str(answer.headers)


async def test_an_original_of_an_earlier_version_is_cleaned_when_it_is_asked_for(
    shown: Shown,
) -> None:
    pool = shown.app.resources.pool
    sent = await (await shown.get()).read()
    await pool.execute(
        "update image set clean_plan = null, clean_bytes = null, clean_digest = null"
    )

    answers = await asyncio.gather(shown.get(), shown.get(Range="bytes=10-99"))

    assert await answers[0].read() == sent
    assert await answers[1].read() == sent[10:100]
    known = "select clean_bytes from image where size = 'original'"
    assert await pool.fetchval(known) == len(sent)


async def test_an_original_that_cannot_be_cleaned_is_never_sent(shown: Shown) -> None:
    """Without its end mark, pixels and a phone's film behind them cannot be told apart."""
    verdict = await upload(shown.app, shown.event, "b.jpg", with_place()[:-2] + b"film" * 50)
    await prepare_photo(shown.app, verdict["photo_id"])
    shown.path = f"/api/photo/{verdict['photo_id']}"

    sent = await (await shown.get()).read()

    with Image.open(io.BytesIO(sent)) as picture:
        assert (picture.size, dict(picture.getexif())) == ((1800, 1200), {0x013B: "Martin"})
    assert b"film" not in sent
    assert (await shown.get(Range="bytes=0-9")).status == 206


async def test_a_guest_of_another_event_sees_nothing(shown: Shown) -> None:
    other = await make_event(shown.app, "Other")
    stranger = await member(shown.app.resources.pool, other, "stranger@example.org")
    answer = await shown.app.client.get(shown.path, headers=stranger.headers)
    assert await problem(answer) == (404, "not_found")
    assert (await problem(await shown.app.client.get(shown.path)))[0] == 401


async def test_in_a_private_gallery_a_photo_is_there_for_those_on_it(shown: Shown) -> None:
    app, pool = shown.app, shown.app.resources.pool
    await app.client.patch(
        f"/api/admin/events/{shown.event['id']}", json={"gallery": "own"}, headers=app.admin
    )
    assert (await problem(await shown.get()))[0] == 404
    async with db.transaction(pool) as conn:
        await add_match(conn, shown.guest.guest_id, int(shown.photo_id), 85.0)
    assert (await shown.get()).status == 200
    await app.client.patch(
        f"/api/admin/events/{shown.event['id']}", json={"maybe_threshold": 86}, headers=app.admin
    )
    assert (await problem(await shown.get()))[0] == 404


async def test_a_photo_is_not_shown_before_it_is_prepared(shown: Shown) -> None:
    verdict = await upload(shown.app, shown.event, "new.jpg", drawn(5))
    shown.path = f"/api/photo/{verdict['photo_id']}"
    assert (await problem(await shown.get()))[0] == 404


@pytest.mark.parametrize(
    "path", ["/api/photo/x", "/api/photo/0", "/api/photo/99999999999999999999"]
)
async def test_a_photo_that_cannot_be_is_404(shown: Shown, path: str) -> None:
    assert (await problem(await shown.app.client.get(path, headers=shown.guest.headers)))[0] == 404


async def test_a_size_that_is_none_is_422(shown: Shown) -> None:
    assert (await problem(await shown.get("huge")))[0] == 422


@pytest.fixture
async def narrow(
    shown: Shown, aiohttp_client: AiohttpClient, database: str
) -> AsyncIterator[tuple[Any, Pool]]:
    """The same application with two connections to the database."""
    old = shown.app.resources
    async with db.open_pool(database, min_size=2, max_size=2) as pool:
        resources = replace(old, pool=pool, queue=NoWorkers())
        yield await aiohttp_client(server.make_app(resources, "all")), pool


async def test_slow_readers_hold_no_connection(shown: Shown, narrow: tuple[Any, Pool]) -> None:
    client, pool = narrow
    picture = drawn(3) + bytes(8 * 1024**2)
    photo_id = (await upload(shown.app, shown.event, "large.jpg", picture))["photo_id"]
    async with db.acquire(pool) as conn:
        await photos.mark_prepared(
            conn, PhotoId(int(photo_id)), placeholder="#000", width=1, height=1
        )
    url = client.make_url(f"/api/photo/{photo_id}?size=original")
    loop = asyncio.get_running_loop()
    stalled: list[socket.socket] = []
    for _ in range(6):
        phone = socket.socket()
        phone.setblocking(False)
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(phone, (url.host, url.port))
        ask = f"GET {url.path_qs} HTTP/1.1\r\nHost: x\r\nAuthorization: "
        await loop.sock_sendall(
            phone, f"{ask}{shown.guest.headers['Authorization']}\r\n\r\n".encode()
        )
        assert (await loop.sock_recv(phone, 12)) == b"HTTP/1.1 200"
        stalled.append(phone)
    for _ in range(5):
        answer = await client.get("/api/all-photos", headers=shown.guest.headers)
        assert answer.status == 200
    for phone in stalled:
        phone.close()
