"""Uploads: one verdict a file, bytes and job together, refusals that cost nothing."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, queue
from findme.models import JobKind
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import make_event, make_token, problem, upload
from tests.support.no_engine_app import NO_ENGINE
from tests.support.pictures import drawn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        findme_data_dir=tmp_path,
        max_upload_mb=1,
        max_image_pixels=1_000_000,
        photo_queue_max_size=5,
    )


@pytest.fixture
async def app(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[App]:
    async with application(aiohttp_client, settings, database, endpoint_url=NO_ENGINE) as opened:
        yield opened
        spool = settings.findme_data_dir / "spool"
        assert not spool.exists() or [*spool.iterdir()] == []


def parts(*files: tuple[str, bytes]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, data in files:
        form.add_field("files", io.BytesIO(data), filename=name)
    return form


def encoded(kind: str, seed: int = 0) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(seed))).save(out, kind)
    return out.getvalue()


async def send(app: App, event: dict[str, Any], data: Any, **options: Any) -> Any:
    headers = {**app.admin, **options.pop("headers", {})}
    return await app.client.post(
        f"/api/events/{event['id']}/photos", data=data, headers=headers, **options
    )


async def stored(app: App, table: str = "photo") -> int:
    count: int = await app.resources.pool.fetchval(f"select count(*) from {table}")
    return count


async def test_each_file_of_a_form_gets_its_verdict(app: App) -> None:
    event = await make_event(app)
    form = parts(("a.jpg", drawn(1)), ("notes.jpg", b"no picture"), ("b.jpg", drawn(1)))
    answer = await send(app, event, form)
    assert answer.status == 202
    first, second, third = (await answer.json())["results"]
    assert (first["filename"], first["status"], first["error"]) == ("a.jpg", "queued", None)
    assert (second["status"], second["photo_id"], second["job_id"]) == ("rejected", None, None)
    assert second["error"] == "This is not a JPEG, PNG, WebP or HEIC picture."
    assert (third["status"], third["photo_id"]) == ("duplicate", first["photo_id"])
    assert await stored(app) == 1


async def test_a_raw_body_is_stored_byte_for_byte_with_its_job(app: App) -> None:
    event = await make_event(app)
    picture = drawn(2)
    verdict = await upload(app, event, "../../etc/IMG 1.jpg", picture)
    assert verdict["filename"] == "IMG 1.jpg"
    pool = app.resources.pool
    row = await pool.fetchrow("select digest, width, height from photo")
    assert row is not None
    assert tuple(row) == (hashlib.sha256(picture).digest(), 640, 480)
    chunks = await pool.fetch("select bytes from image_chunk order by number")
    assert b"".join(chunk["bytes"] for chunk in chunks) == picture
    job = await pool.fetchrow("select id, kind, state, photo_id from job")
    assert job is not None
    assert tuple(map(str, job)) == (verdict["job_id"], "index_photo", "queued", verdict["photo_id"])


@pytest.mark.parametrize("name", ["", "/", "..", "pictures/.."])
async def test_a_raw_body_without_a_name_is_called_photo(app: App, name: str) -> None:
    answer = await app.client.post(
        f"/api/events/{(await make_event(app))['id']}/photos",
        params={"filename": name},
        data=drawn(2),
        headers={**app.admin, "Content-Type": "image/jpeg"},
    )
    (verdict,) = (await answer.json())["results"]
    assert (verdict["status"], verdict["filename"]) == ("queued", "photo")


async def test_the_same_bytes_are_one_photo_under_any_name(app: App) -> None:
    event = await make_event(app)
    first = await upload(app, event, "a.jpg", drawn(3))
    second = await upload(app, event, "other name.png", drawn(3))
    assert second == {**first, "filename": "other name.png", "status": "duplicate"}
    assert await stored(app) == await stored(app, "job") == 1


async def test_the_same_bytes_in_another_event_are_another_photo(app: App) -> None:
    first = await upload(app, await make_event(app, "A"), "a.jpg", drawn(3))
    second = await upload(app, await make_event(app, "B"), "a.jpg", drawn(3))
    assert second["status"] == "queued"
    assert second["photo_id"] != first["photo_id"]


async def test_the_same_name_with_other_bytes_is_a_new_photo(app: App) -> None:
    event = await make_event(app)
    await upload(app, event, "IMG_0001.jpg", drawn(4))
    assert (await upload(app, event, "IMG_0001.jpg", drawn(5)))["status"] == "queued"
    assert await stored(app) == 2


async def test_the_same_bytes_at_the_same_moment_are_one_photo(app: App) -> None:
    event = await make_event(app)
    verdicts = await asyncio.gather(*(upload(app, event, f"{n}.jpg", drawn(6)) for n in range(4)))
    assert sorted(verdict["status"] for verdict in verdicts) == ["duplicate"] * 3 + ["queued"]
    assert len({verdict["photo_id"] for verdict in verdicts}) == 1
    assert len({verdict["job_id"] for verdict in verdicts}) == 1
    assert await stored(app) == await stored(app, "job") == await stored(app, "image") == 1


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("WEBP", "image/webp"), ("HEIF", "image/heic"), ("JPEG", "image/jpeg")],
)
async def test_the_type_is_told_by_the_content(app: App, kind: str, media_type: str) -> None:
    verdict = await upload(app, await make_event(app), "photo.jpg", encoded(kind))
    assert verdict["status"] == "queued"
    assert await app.resources.pool.fetchval("select media_type from image") == media_type


@pytest.mark.parametrize(
    "data",
    [b"just words", b"", b"\xff\xd8\xff\xe0 no more", b"GIF89a" + bytes(50), drawn(7)[:300]],
    ids=["text", "nothing", "half a header", "gif", "cut off in the header"],
)
async def test_what_is_no_picture_is_rejected(app: App, data: bytes) -> None:
    event = await make_event(app)
    answer = await send(app, event, parts(("photo.jpg", data)))
    assert await problem(answer) == (422, "rejected")
    (result,) = (await answer.json())["results"]
    assert (result["filename"], result["status"]) == ("photo.jpg", "rejected")
    assert result["error"]
    assert await stored(app) == 0


async def test_a_file_over_the_limit_is_refused_and_not_kept(app: App, settings: Settings) -> None:
    event = await make_event(app)
    large = drawn(8) + bytes(settings.max_upload_bytes)
    answer = await send(app, event, large, headers={"Content-Type": "image/jpeg"})
    assert await problem(answer) == (413, "upload_too_large")
    assert "1 MB" in (await answer.json())["detail"]
    assert await stored(app, "image_chunk") == 0


async def test_a_file_of_exactly_the_limit_is_taken(app: App, settings: Settings) -> None:
    event = await make_event(app)
    picture = drawn(8)
    full = picture + bytes(settings.max_upload_bytes - len(picture))
    assert (await upload(app, event, "full.jpg", full))["status"] == "queued"


async def test_a_file_over_the_limit_does_not_spoil_the_others(
    app: App, settings: Settings
) -> None:
    event = await make_event(app)
    form = parts(("big.jpg", bytes(settings.max_upload_bytes + 1)), ("ok.jpg", drawn(9)))
    results = (await (await send(app, event, form)).json())["results"]
    assert [result["status"] for result in results] == ["rejected", "queued"]


async def test_a_picture_of_too_many_pixels_is_refused_undecoded(app: App) -> None:
    event = await make_event(app)
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    answer = await send(app, event, parts(("bomb.png", out.getvalue())))
    assert answer.status in (413, 422)
    assert "1 million" in (await answer.json())["results"][0]["error"]


async def test_a_form_without_a_file_says_so(app: App) -> None:
    event = await make_event(app)
    form = aiohttp.FormData({"comment": "hello"}, default_to_multipart=True)
    assert await problem(await send(app, event, form)) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no boundary at all"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: nonsense\r\n\r\nx"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--b--"),
    ],
)
async def test_a_broken_form_is_the_callers_mistake(
    app: App, content_type: str, body: bytes
) -> None:
    event = await make_event(app)
    answer = await send(app, event, body, headers={"Content-Type": content_type})
    assert (await problem(answer))[0] in (400, 422)
    assert await stored(app) == 0


async def fill_queue(app: App, event: dict[str, Any], settings: Settings) -> None:
    async with db.transaction(app.resources.pool) as conn:
        for _ in range(settings.photo_queue_max_size):
            await queue.enqueue(conn, JobKind.INDEX_PHOTO, label="x", event_id=int(event["id"]))  # type: ignore[arg-type]  # an id


async def test_a_full_queue_refuses_before_the_body_is_read(app: App, settings: Settings) -> None:
    """The headers alone are sent; the body never comes, and the answer does."""
    event = await make_event(app)
    await fill_queue(app, event, settings)
    url = app.client.make_url(f"/api/events/{event['id']}/photos")
    assert url.host is not None
    assert url.port is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST {url.path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: image/jpeg\r\n"
        f"Authorization: {app.admin['Authorization']}\r\nContent-Length: 5000000\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in head
    body = await reader.read(1000)
    assert b'"detail":"Queue is full, try again later"' in body
    assert b'"code":"queue_full"' in body
    writer.close()
    await writer.wait_closed()


async def test_a_queue_that_fills_up_during_a_form_refuses_the_rest(
    app: App, settings: Settings
) -> None:
    event = await make_event(app)
    files = [(f"{n}.jpg", drawn(20 + n)) for n in range(settings.photo_queue_max_size + 2)]
    answer = await send(app, event, parts(*files))
    statuses = [result["status"] for result in (await answer.json())["results"]]
    assert statuses == ["queued"] * settings.photo_queue_max_size + ["rejected"] * 2


async def test_an_upload_token_opens_its_own_event_alone(app: App) -> None:
    mine, other = await make_event(app, "Mine"), await make_event(app, "Other")
    token = await make_token(app, mine)
    assert (await upload(app, mine, "a.jpg", drawn(11), token))["status"] == "queued"
    for event_id in (other["id"], "999999", "x"):
        answer = await app.client.post(
            f"/api/events/{event_id}/photos", data=drawn(11), headers=token
        )
        assert await problem(answer) == (404, "not_found")


async def test_without_a_token_nothing_is_taken(app: App) -> None:
    event = await make_event(app)
    answer = await app.client.post(f"/api/events/{event['id']}/photos", data=drawn(12))
    assert await problem(answer) == (401, "sign_in_required")


async def test_photographers_see_their_own_jobs_alone(app: App) -> None:
    event = await make_event(app)
    mine, other = await make_token(app, event), await make_token(app, event)
    verdict = await upload(app, event, "a.jpg", drawn(13), mine)
    path = f"/api/jobs/{verdict['job_id']}"
    job = await (await app.client.get(path, headers=mine)).json()
    assert (job["id"], job["state"], job["filename"]) == (verdict["job_id"], "queued", "a.jpg")
    assert (await app.client.get(path, headers=app.admin)).status == 200
    assert await problem(await app.client.get(path, headers=other)) == (404, "not_found")
    assert (await problem(await app.client.get(path)))[0] == 401


async def test_a_photo_is_there_with_its_job_or_not_at_all(app: App) -> None:
    """The database loses the job's row at the last moment: the bytes are not kept either."""
    event = await make_event(app)
    await app.resources.pool.execute("""
        create function refuse() returns trigger language plpgsql as
            $$ begin raise exception 'no more jobs'; end $$;
        create trigger refuse before insert on job for each row execute function refuse()""")
    answer = await send(app, event, drawn(14), headers={"Content-Type": "image/jpeg"})
    assert await problem(answer) == (500, "internal_error")
    assert [await stored(app, name) for name in ("photo", "image", "image_chunk", "job")] == [0] * 4


async def test_a_phone_that_hangs_up_leaves_nothing(app: App, settings: Settings) -> None:
    event = await make_event(app)
    url = app.client.make_url(f"/api/events/{event['id']}/photos")
    assert url.host is not None
    assert url.port is not None
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST {url.path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: image/jpeg\r\n"
        f"Authorization: {app.admin['Authorization']}\r\nContent-Length: 500000\r\n\r\n".encode()
        + drawn(15)[:5000]
    )
    await writer.drain()
    spool = settings.findme_data_dir / "spool"
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(lambda: spool.is_dir() and [*spool.iterdir()]):
            pass
        writer.close()
        while await asyncio.to_thread(lambda: [*spool.iterdir()]):
            pass
    assert await stored(app) == 0
