"""Taking home: an archive of known length, which everything opens, whatever happens meanwhile."""

import hashlib
import io
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from findme import db
from findme.db import Connection
from findme.media import storage, zip_stream
from findme.media.cleaning.plan import Piece, Span
from findme.media.storage import ImageOwner
from findme.media.zip_stream import ZipEntry
from findme.models import PhotoId, Size
from tests.conftest import App
from tests.support.clean_files import store_plan
from tests.support.helpers import (
    Member,
    add_match,
    add_photos,
    change_event,
    make_event,
    member,
    problem,
)
from tests.support.no_engine_app import app, settings
from tests.support.scripted_guests import until

__all__ = ["app", "settings"]

#: The application, an event, its guest, and the originals by photo.
Shelf = tuple[App, dict[str, Any], Member, dict[int, bytes]]

EVENING = datetime(2026, 11, 21, 22, 14, 6, tzinfo=UTC)


def entry(name: str, content: bytes, *, declared: int | None = None) -> ZipEntry:
    """Return an entry of these bytes; with *declared* it is missing some of them."""

    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    return ZipEntry(name, len(content) if declared is None else declared, EVENING, read)


async def written(entries: list[ZipEntry]) -> bytes:
    """Return the archive of these entries; its length is as foretold."""
    data = b"".join([chunk async for chunk in zip_stream.stream(entries, ZoneInfo("Europe/Paris"))])
    assert zip_stream.size_of(entries) == len(data)
    return data


def opens(path: Path) -> None:
    """Test an archive with Python, and with unzip and 7z where they are installed."""
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
    for tool in ("unzip", "7z"):
        if command := shutil.which(tool):
            option = "-tq" if tool == "unzip" else "t"
            tested = subprocess.run([command, option, path], capture_output=True, text=True)
            assert tested.returncode == 0, tested.stdout + tested.stderr


async def test_entries_come_out_as_they_went_in(tmp_path: Path) -> None:
    contents = {"été/😀.jpg": b"a" * 3500, "empty.txt": b"", "b.jpg": bytes(range(256)) * 9}
    (tmp_path / "all.zip").write_bytes(await written([entry(*each) for each in contents.items()]))
    opens(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == contents
        info = opened.getinfo("b.jpg")
    assert info.compress_type == zipfile.ZIP_STORED
    # on the clock of Paris, and to the second in UTC beside it
    assert info.date_time == (2026, 11, 21, 23, 14, 6)
    assert info.extra == b"UT\x05\x00\x01" + int(EVENING.timestamp()).to_bytes(4, "little")


async def test_what_is_missing_leaves_a_blank_and_is_not_listed(tmp_path: Path) -> None:
    """Gone before its turn, gone halfway; the foretold length and all others stay."""
    entries = [
        entry("first.jpg", b"1" * 5000),
        entry("gone.jpg", b"", declared=700_000),
        entry("half.jpg", b"2" * 300_000, declared=600_000),
        entry("last.jpg", b"3" * 5000),
    ]
    (tmp_path / "all.zip").write_bytes(await written(entries))
    opens(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as opened:
        assert opened.namelist() == ["first.jpg", "last.jpg"]
        assert opened.read("last.jpg") == b"3" * 5000


async def test_more_bytes_than_foretold_are_cut() -> None:
    data = await written([entry("grown.jpg", b"1" * 5000, declared=4500)])
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.read("grown.jpg") == b"1" * 4500


async def test_an_archive_of_nothing_opens() -> None:
    with zipfile.ZipFile(io.BytesIO(await written([]))) as opened:
        assert opened.namelist() == []


async def test_more_entries_than_old_archives_hold(tmp_path: Path) -> None:
    entries = [entry(f"{number}.txt", b"x") for number in range(65_600)]
    (tmp_path / "many.zip").write_bytes(await written(entries))
    opens(tmp_path / "many.zip")
    with zipfile.ZipFile(tmp_path / "many.zip") as opened:
        assert len(opened.namelist()) == 65_600


@pytest.mark.parametrize("missing", [0, 3])
async def test_more_than_four_gigabytes(missing: int) -> None:
    """The archive is looked at through a window: only its ends are kept."""
    chunk, gigabyte = bytes(1024**2), 1024**3

    async def read(chunks: int) -> AsyncIterator[bytes]:
        for _ in range(chunks):
            yield chunk

    entries = [
        ZipEntry(
            f"{number}.bin", gigabyte, EVENING, partial(read, 1024 if number >= missing else 0)
        )
        for number in range(5)
    ]
    total, tail = 0, b""
    async for piece in zip_stream.stream(entries, UTC):
        total += len(piece)
        tail = (tail + piece)[-4096:]
    assert total == zip_stream.size_of(entries)
    assert total > 5 * gigabyte
    # a file with a hole where the zeros were
    with zipfile.ZipFile(_Tail(total, tail)) as opened:
        listed = opened.infolist()
    assert [info.filename for info in listed] == [f"{n}.bin" for n in range(missing, 5)]
    assert listed[-1].header_offset == 4 * entries[0].place_bytes(gigabyte) > 0xFFFFFFFF


class _Tail(io.RawIOBase):
    """A file of *size* bytes of which the last ones are known."""

    def __init__(self, size: int, tail: bytes) -> None:
        self._size, self._tail, self._at = size, tail, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        start = self._at - (self._size - len(self._tail))
        assert start >= 0, "the list of entries is at the end"
        data = self._tail[start:] if size < 0 else self._tail[start : start + size]
        self._at += len(data)
        return data


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a.jpg", "A.JPG"], ["a.jpg", "a (2).jpg", "A (3).JPG"]),
        (["a (2).jpg", "a.jpg", "a.jpg"], ["a (2).jpg", "a.jpg", "a (3).jpg"]),
        (["e\u0301.jpg", "é.jpg"], ["é.jpg", "é (2).jpg"]),
        (["../../etc/passwd", "C:\\x.jpg"], ["_.._etc_passwd", "C__x.jpg"]),
        (["", "..", "\x00\n"], ["photo", "photo (2)", "__"]),
    ],
)
def test_names_are_safe_and_each_is_there_once(names: list[str], expected: list[str]) -> None:
    assert zip_stream.distinct_names(names) == expected


def test_a_long_name_keeps_its_suffix_and_whole_characters() -> None:
    (name,) = zip_stream.distinct_names(["é" * 300 + ".jpg"])
    assert name == "é" * 98 + ".jpg"


# Over HTTP ----------------------------------------------------------------------------------------


async def store(conn: Connection, photo_id: int, content: bytes) -> None:
    await storage.store_bytes(
        conn, content, ImageOwner(photo_id=PhotoId(photo_id)), size=Size.ORIGINAL
    )
    await store_plan(conn, photo_id, content)


@pytest.fixture
async def shelf(app: App) -> Shelf:
    """A guest with three sure photos (two of a name), one that may be, and another's."""
    event = await make_event(app, "Fête")
    guest = await member(app.resources.pool, event)
    async with db.transaction(app.resources.pool) as conn:
        ids = await add_photos(conn, event, 5)
        contents = {photo: bytes([photo % 256]) * 600_000 for photo in ids[:4]}
        for photo, content in contents.items():
            await store(conn, photo, content)
            await add_match(conn, guest.guest_id, photo, 99 if photo in ids[:3] else 85)
        await conn.execute("update photo set filename = 'IMG_1.JPG' where id = any($1)", ids[:2])
        await conn.execute("update photo set taken_at = $1", EVENING)
    return app, event, guest, contents


async def take(app: App, guest: Member, **query: str) -> tuple[dict[str, str], bytes]:
    answer = await app.client.get("/api/my-photos.zip", params=query, headers=guest.headers)
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "application/zip"
    data = await answer.read()
    assert int(answer.headers["Content-Length"]) == len(data)
    return dict(answer.headers), data


def digests(contents: Iterable[bytes]) -> list[str]:
    return sorted(hashlib.sha256(content).hexdigest() for content in contents)


async def test_a_guest_takes_their_sure_photos_home(
    shelf: Shelf,
) -> None:
    app, event, guest, contents = shelf
    headers, data = await take(app, guest, event=event["id"])

    assert headers["X-Total-Count"] == "3"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"Fete.zip\"; filename*=UTF-8''F%C3%AAte.zip"
    )
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["IMG_1.JPG", "IMG_1 (2).JPG", "photo3.jpg"]
        taken = [opened.read(name) for name in opened.namelist()]
    assert digests(taken) == digests([*contents.values()][:3])


async def test_the_head_alone_tells_count_and_size(
    shelf: Shelf,
) -> None:
    app, event, guest, _ = shelf
    headers, data = await take(app, guest, event=event["id"])
    answer = await app.client.head(
        "/api/my-photos.zip", params={"event": event["id"]}, headers=guest.headers
    )
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["X-Total-Count"] == headers["X-Total-Count"]


async def test_chosen_photos_come_alone_and_only_of_the_own_shelf(
    shelf: Shelf,
) -> None:
    app, event, guest, contents = shelf
    ids = [*contents]
    _, data = await take(app, guest, event=event["id"], ids=f"{ids[0]},{ids[3]},999999")
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.namelist() == ["IMG_1.JPG"]

    async def refused(**query: str) -> tuple[int, str]:
        return await problem(
            await app.client.get("/api/my-photos.zip", params=query, headers=guest.headers)
        )

    assert await refused(event=event["id"], ids=str(ids[3])) == (404, "not_found")
    assert await refused(event=event["id"], ids="1,x") == (422, "invalid_request")
    assert await refused(event="999999") == (404, "not_found")
    answer = await app.client.get("/api/my-photos.zip", params={"event": event["id"]})
    assert answer.status == 401


async def test_confirmed_photos_come_and_those_put_aside_do_not(
    shelf: Shelf,
) -> None:
    app, event, guest, contents = shelf
    ids = [*contents]
    await app.resources.pool.executemany(
        "insert into verdict (guest_id, photo_id, says) values ($1, $2, $3)",
        [(guest.guest_id, ids[0], "not_me"), (guest.guest_id, ids[3], "me")],
    )
    _, data = await take(app, guest, event=event["id"])
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        taken = [opened.read(name) for name in opened.namelist()]
    assert digests(taken) == digests([*contents.values()][1:])


async def test_photos_come_clean_or_whole_as_the_organiser_says(
    shelf: Shelf,
) -> None:
    """A piece across two chunks, a part that is left out, and bytes between."""
    app, event, guest, contents = shelf
    photo = [*contents][2]
    pieces: list[Piece] = [
        b"head",
        Span(1000, storage.CHUNK + 5),
        b"between",
        Span(2 * storage.CHUNK, 600_000),
    ]
    async with db.transaction(app.resources.pool) as conn:
        clean = await store_plan(conn, photo, contents[photo], pieces)
    for metadata, expected in (("essential", clean), ("full", contents[photo])):
        await change_event(app, event, metadata=metadata)
        _, data = await take(app, guest, event=event["id"], ids=str(photo))
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            assert opened.read("photo3.jpg") == expected


async def test_a_photo_deleted_meanwhile_is_left_out_and_no_connection_is_held(
    shelf: Shelf, tmp_path: Path
) -> None:
    app, event, guest, contents = shelf
    pool = app.resources.pool
    # larger than what waits in the kernel, so that the archive is still on its way
    big = bytes(16 * 1024**2)
    (photo, _, last, _) = contents
    await pool.execute("delete from image where photo_id = $1", photo)
    async with db.transaction(pool) as conn:
        await store(conn, photo, big)
    answer = await app.client.get(
        "/api/my-photos.zip", params={"event": event["id"]}, headers=guest.headers
    )
    first = await answer.content.readexactly(1000)

    async def none_is_held() -> bool:
        return pool.get_idle_size() == pool.get_size()

    await until(none_is_held)

    await pool.execute("delete from photo where id = $1", last)
    data = first + await answer.content.read()

    assert int(answer.headers["Content-Length"]) == len(data)
    (tmp_path / "all.zip").write_bytes(data)
    opens(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as opened:
        assert opened.namelist() == ["IMG_1.JPG", "IMG_1 (2).JPG"]
        assert opened.read("IMG_1.JPG") == big
