"""Photos come in: multipart or one raw body, streamed to disk, one verdict for each file."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath

from aiohttp import web

from findme import db, queue
from findme.db import Connection
from findme.errors import (
    BadImage,
    Conflict,
    EventClosed,
    EveryFileRejected,
    FindMeError,
    InvalidRequest,
    NotFound,
    QueueFull,
    UploadTooLarge,
)
from findme.gallery import events, photographers, photos
from findme.media import images, storage
from findme.media.storage import Spooled
from findme.models import EventId, JobId, JobKind, PhotoId, Role
from findme.operations import job_history
from findme.web.keys import IMAGES, POOL, QUEUE, SETTINGS, actor, admin, user
from findme.web.request_bodies import body_of, chunks_of, parts_of
from findme.web.responses import job_json, json_answer, path_id

log = logging.getLogger(__name__)

MAX_FILENAME = 255
#: Files of one form.
MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file."""

    filename: str
    status: str
    photo_id: PhotoId | None = None
    job_id: JobId | None = None
    problem: FindMeError | None = None
    #: Of the bytes that arrived, hexadecimal; None where they did not all arrive.
    sha256: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the verdict as the contract shows it."""
        return {
            "filename": self.filename,
            "status": self.status,
            "photo_id": None if self.photo_id is None else str(self.photo_id),
            "job_id": None if self.job_id is None else str(self.job_id),
            "sha256": self.sha256,
            "error": None if self.problem is None else str(self.problem),
        }


async def open_event(request: web.Request) -> EventId:
    """Return the event of an upload, by whoever may; EventClosed, QueueFull where it takes none."""
    event_id = own_event(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, event_id)
        if event.is_closed(datetime.now(UTC)):
            raise EventClosed
        await _check_queue(request, conn)
    return event_id


def own_event(request: web.Request) -> EventId:
    """Return the event of the path; NotFound for all but its photographers and admins."""
    caller = actor(request)
    event_id = EventId(path_id(request, "event_id"))
    if caller.upload_event_id is None:
        if user(request).role is not Role.ADMIN:
            raise NotFound
    elif caller.upload_event_id != event_id:
        raise NotFound
    return event_id


async def post_photos(request: web.Request) -> web.Response:
    """POST /api/events/{event_id}/photos."""
    event_id = await open_event(request)
    async with storage.spool_folder(request.app[SETTINGS].findme_data_dir) as folder:
        if request.content_type.startswith("multipart/"):
            verdicts = await _take_parts(request, event_id, folder)
        else:
            name = clean_name(request.query.get("filename", ""))
            body = body_of(request)
            verdicts = [await _take(request, event_id, body, name, folder / "0")]
    return answer(request, verdicts)


def answer(request: web.Request, verdicts: list[Verdict]) -> web.Response:
    """Answer 202 where at least one file was taken; otherwise what stands in the way of all."""
    if any(verdict.status == "queued" for verdict in verdicts):
        request.app[QUEUE].wake()
    if not verdicts:
        raise InvalidRequest("There is no file in this upload: send parts named `files`.")
    results = [verdict.as_json() for verdict in verdicts]
    problems = [verdict.problem for verdict in verdicts if verdict.problem is not None]
    if len(problems) < len(verdicts):
        return json_answer({"results": results}, HTTPStatus.ACCEPTED)
    if all(isinstance(problem, QueueFull) for problem in problems):
        raise QueueFull(results=results)
    if all(isinstance(problem, UploadTooLarge) for problem in problems):
        raise UploadTooLarge(str(problems[0]), results=results)
    raise EveryFileRejected(results=results)


async def _take_parts(request: web.Request, event_id: EventId, folder: Path) -> list[Verdict]:
    verdicts: list[Verdict] = []
    async for part in parts_of(request, MOST_FILES):
        if part.filename is None and part.name != "files":
            continue
        name = clean_name(part.filename or "")
        path = folder / str(len(verdicts))
        verdicts.append(await _take(request, event_id, chunks_of(part), name, path))
    return verdicts


async def _take(
    request: web.Request, event_id: EventId, body: AsyncIterator[bytes], name: str, path: Path
) -> Verdict:
    """Spool and store one file."""
    try:
        with storage.room():
            spooled = await storage.spool(body, path, limit=request.app[SETTINGS].max_upload_bytes)
            return await store(request, event_id, spooled, name)
    except UploadTooLarge as problem:
        return _rejected(name, problem)
    finally:
        # before the next file of the request: a card of 64 GB needs no more than one of them
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def store(request: web.Request, event_id: EventId, spooled: Spooled, name: str) -> Verdict:
    """Probe and store a file that has arrived; its bytes and its job are committed together."""
    settings, caller = request.app[SETTINGS], actor(request)
    sha256 = spooled.sha256.hex()
    try:
        async with db.acquire(request.app[POOL]) as conn:
            zone = events.zone_of(await events.get(conn, event_id)) or UTC
        probe = await request.app[IMAGES].run(
            images.probe, spooled.path, settings.max_image_pixels, zone
        )
        async with db.transaction(request.app[POOL]) as conn:
            await _check_queue(request, conn)
            by = None
            if caller.upload_token_id is not None:
                by = await photographers.get(conn, caller.upload_token_id)
            photo_id = await photos.add(
                conn,
                event_id,
                digest=spooled.sha256,
                filename=name,
                width=probe.width,
                height=probe.height,
                taken_at=probe.taken_at if by is None else by.right(probe.taken_at),
                upload_token_id=caller.upload_token_id,
                user_id=None if caller.user is None else caller.user.id,
                credit=None if by is None else by.name,
            )
            if photo_id is None:
                return await _duplicate(conn, event_id, spooled.sha256, name)
            await storage.store_file(conn, photo_id, spooled, probe.media_type)
            job_id = await queue.enqueue(
                conn, JobKind.INDEX_PHOTO, label=name, event_id=event_id, photo_id=photo_id
            )
            waiting = await queue.count_queued(conn, JobKind.INDEX_PHOTO)
    except (BadImage, QueueFull) as problem:
        return _rejected(name, problem, sha256)
    log.info("[PhotoQueue] Job %s enqueued (queue size: %d)", job_id, waiting)
    return Verdict(name, "queued", photo_id, job_id, sha256=sha256)


def _rejected(name: str, problem: FindMeError, sha256: str | None = None) -> Verdict:
    log.info("[Upload] Rejected %s: %s", name, problem)
    return Verdict(name, "rejected", problem=problem, sha256=sha256)


async def _duplicate(conn: Connection, event_id: EventId, digest: bytes, name: str) -> Verdict:
    found = await find_duplicate(conn, event_id, digest, name)
    if found is None:
        raise Conflict(
            "The first photo with these bytes was deleted at this moment; send it again."
        )
    return found


async def find_duplicate(
    conn: Connection, event_id: EventId, digest: bytes, name: str
) -> Verdict | None:
    """Return the verdict on bytes that the event has already; None where it has not."""
    found = await photos.find_duplicate(conn, event_id, digest)
    if found is None:
        return None
    log.info("[Upload] Duplicate detected (hash=%s...), skipping: %s", digest.hex()[:6], name)
    return Verdict(name, "duplicate", *found, sha256=digest.hex())


async def _check_queue(request: web.Request, conn: Connection) -> None:
    if (
        await queue.count_queued(conn, JobKind.INDEX_PHOTO)
        >= request.app[SETTINGS].photo_queue_max_size
    ):
        raise QueueFull


def clean_name(name: str) -> str:
    """Return the last part of a file's path, printable and not too long."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(sign if sign.isprintable() else "_" for sign in last).strip()
    # what only points at a folder names no file
    return shown[-MAX_FILENAME:] if shown.strip(".") else "photo"


async def get_job(request: web.Request) -> web.Response:
    """GET /api/jobs/{job_id}: for an admin any, for an upload token its own uploads."""
    token_id = actor(request).upload_token_id
    if token_id is None:
        admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        row = await job_history.find(conn, JobId(path_id(request, "job_id")))
    if token_id is not None and row["upload_token_id"] != token_id:
        raise NotFound
    return json_answer(job_json(row))


ROUTES = [
    web.post("/api/events/{event_id}/photos", post_photos),
    web.get("/api/jobs/{job_id}", get_job),
]
