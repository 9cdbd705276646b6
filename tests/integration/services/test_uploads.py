"""Uploads are called with a spooled file or a stream of bytes, without a request."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from findme import db
from findme.accounts.actor import Actor
from findme.db import Pool
from findme.errors import EventClosed, HashMismatch, QueueFull, UnsupportedImage, WrongOffset
from findme.media import storage
from findme.models import Event, Role, Size, User, UserId
from findme.resources import Resources
from findme.services.resumable_uploads import Piece, ResumableUploads, Sender, UploadProgress
from findme.services.uploads import UploadResult, Uploads, UploadStatus
from tests.support.helpers import add_gala
from tests.support.scripted_engine import picture


@pytest.fixture
def uploads(resources: Resources) -> Uploads:
    return Uploads(resources.settings, resources.pool, resources.image_workers, resources.queue)


@pytest.fixture
async def event(pool: Pool) -> Event:
    async with db.transaction(pool) as conn:
        return await add_gala(conn)


@pytest.fixture
def uploader(admin_id: UserId) -> Actor:
    """An admin who uploads."""
    return Actor(user=User(admin_id, "Ada", "ada@example.org", Role.ADMIN))


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_spooled_file_becomes_a_photo_with_its_job(
    pool: Pool, uploads: Uploads, event: Event, uploader: Actor, tmp_path: Path
) -> None:
    jpeg = picture(1)
    spooled = await storage.spool(stream(jpeg), tmp_path / "0", limit=len(jpeg))
    result = await uploads.store(event.id, uploader, spooled, "one.jpg")

    assert (result.status, result.problem) == (UploadStatus.QUEUED, None)
    assert result.photo_id is not None
    async with db.acquire(pool) as conn:
        image = await storage.find_photo_image(conn, result.photo_id, Size.ORIGINAL)
        job = await conn.fetchrow("select id, kind, photo_id from job")
    assert image is not None
    assert await storage.read_bytes(pool, image.id) == jpeg
    assert tuple(job or ()) == (result.job_id, "index_photo", result.photo_id)

    again = await uploads.store(event.id, uploader, spooled, "two.jpg")
    assert (again.status, again.photo_id) == (UploadStatus.DUPLICATE, result.photo_id)


async def test_a_file_that_is_no_picture_is_rejected_and_leaves_nothing(
    pool: Pool, uploads: Uploads, event: Event, uploader: Actor, tmp_path: Path
) -> None:
    path = tmp_path / "0"
    result = await uploads.receive(event.id, uploader, stream(b"no ", b"picture"), "a.jpg", path)

    assert result.status is UploadStatus.REJECTED
    assert isinstance(result.problem, UnsupportedImage)
    assert not path.exists()
    assert await pool.fetchval("select count(*) from photo") == 0


async def test_a_full_queue_and_a_closed_event_take_no_photo(
    pool: Pool, uploads: Uploads, event: Event, uploader: Actor, tmp_path: Path
) -> None:
    full = replace(uploads, settings=replace(uploads.settings, photo_queue_max_size=1))
    await full.check_accepts(event.id)
    await full.receive(event.id, uploader, stream(picture(1)), "one.jpg", tmp_path / "0")
    with pytest.raises(QueueFull):
        await full.check_accepts(event.id)

    await pool.execute("update event set closes_at = now()")
    with pytest.raises(EventClosed):
        await uploads.check_accepts(event.id)


async def test_an_interrupted_file_continues_where_it_stopped(
    resources: Resources, uploads: Uploads, event: Event, uploader: Actor
) -> None:
    resumable = ResumableUploads(resources.settings, resources.pool, uploads)
    jpeg = picture(1)
    digest, half, total = sha256_of(jpeg), len(jpeg) // 2, len(jpeg)
    invited = []

    async def send(start: int, body: bytes) -> UploadResult | UploadProgress:
        async def invite() -> None:
            invited.append(start)

        sender = Sender(stream(body), invite, lambda: None)
        piece = Piece(start, total, total)
        return await resumable.receive(event.id, uploader, digest, piece, "one.jpg", sender)

    assert await send(0, jpeg[:half]) == UploadProgress(half)
    assert await resumable.find_progress(event.id, uploader, digest) == UploadProgress(half)
    with pytest.raises(WrongOffset):
        await send(0, jpeg)
    result = await send(half, jpeg[half:])

    assert isinstance(result, UploadResult)
    assert result.status is UploadStatus.QUEUED
    # a sender whose offset is wrong keeps its bytes
    assert invited == [0, half]
    duplicate = await send(0, jpeg)
    assert isinstance(duplicate, UploadResult)
    assert duplicate.status is UploadStatus.DUPLICATE


async def test_a_file_that_is_not_what_its_hash_says_is_forgotten(
    resources: Resources, uploads: Uploads, event: Event, uploader: Actor
) -> None:
    resumable = ResumableUploads(resources.settings, resources.pool, uploads)
    digest, body = sha256_of(picture(1)), picture(2)
    sender = Sender(stream(body), lambda: asyncio.sleep(0), lambda: None)
    piece = Piece(0, len(body), len(body))
    with pytest.raises(HashMismatch):
        await resumable.receive(event.id, uploader, digest, piece, "one.jpg", sender)
    assert await resumable.find_progress(event.id, uploader, digest) == UploadProgress(0)


def sha256_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
