"""Photos come in: multipart or one raw body, streamed to disk, one result for each file."""

from http import HTTPStatus
from pathlib import Path, PurePosixPath

from aiohttp import web
from msgspec import Struct

from findme import db
from findme.errors import (
    Conflict,
    DiskFull,
    EventClosed,
    EveryFileRejected,
    InvalidRequest,
    NotFound,
    PicturesUnavailable,
    QueueFull,
    UploadTooLarge,
)
from findme.media import storage
from findme.models import EventId, JobId, Role
from findme.operations import job_history
from findme.services.uploads import UploadResult
from findme.web import shapes
from findme.web.keys import POOL, SETTINGS, UPLOADS, actor, admin, user
from findme.web.openapi.route import FORM, Body, Query, Tag, Who, accepted, get, ok, post
from findme.web.request_bodies import body_of, chunks_of, parts_of
from findme.web.responses import id_text, json_answer, path_id
from findme.web.shapes import File, Job, UploadResults, job_of

MAX_FILENAME = 255
#: Files of one form.
MOST_FILES = 10_000


class UploadForm(Struct):
    """A form with photos."""

    files: list[File]


def _result(result: UploadResult) -> shapes.UploadResult:
    """Return the result of a file, as the contract shows it."""
    return shapes.UploadResult(
        filename=result.filename,
        status=result.status,
        photo_id=id_text(result.photo_id),
        job_id=id_text(result.job_id),
        sha256=result.sha256,
        error=None if result.problem is None else str(result.problem),
    )


async def open_event(request: web.Request) -> EventId:
    """Return the event of the path if the caller may upload to it and it takes photos now."""
    event_id = own_event(request)
    await request.app[UPLOADS].check_accepts(event_id)
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
            results = await _receive_parts(request, event_id, folder)
        else:
            name = clean_name(request.query.get("filename", ""))
            results = [
                await request.app[UPLOADS].receive(
                    event_id, actor(request), body_of(request), name, folder / "0"
                )
            ]
    return answer(results)


async def _receive_parts(
    request: web.Request, event_id: EventId, folder: Path
) -> list[UploadResult]:
    results: list[UploadResult] = []
    async for part in parts_of(request, MOST_FILES):
        if part.filename is None and part.name != "files":
            continue
        name, path = clean_name(part.filename or ""), folder / str(len(results))
        results.append(
            await request.app[UPLOADS].receive(
                event_id, actor(request), chunks_of(part), name, path
            )
        )
    return results


def answer(results: list[UploadResult]) -> web.Response:
    """Answer 202 if at least one file was accepted; otherwise raise what rejected all of them."""
    if not results:
        raise InvalidRequest("There is no file in this upload: send parts named `files`.")
    shown = [_result(result) for result in results]
    problems = [result.problem for result in results if result.problem is not None]
    if len(problems) < len(results):
        return json_answer(UploadResults(shown), HTTPStatus.ACCEPTED)
    for temporary in (QueueFull, PicturesUnavailable):
        if all(isinstance(problem, temporary) for problem in problems):
            raise temporary(results=shown)
    if all(isinstance(problem, UploadTooLarge) for problem in problems):
        raise UploadTooLarge(str(problems[0]), results=shown)
    raise EveryFileRejected(results=shown)


def clean_name(name: str) -> str:
    """Return the last part of a file's path, printable and not too long."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(sign if sign.isprintable() else "_" for sign in last).strip()
    # a path that ends in a folder names no file
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
    return json_answer(job_of(row))


ROUTES = [
    post(
        "/api/events/{event_id}/photos",
        post_photos,
        "Upload photos: parts named files, or one picture as the body",
        accepted(UploadResults, "At least one was taken: bytes and job are on disk."),
        query=[Query("filename", "The name of a raw body.")],
        takes=Body({FORM: UploadForm, "image/*": None}),
        fails=[
            EventClosed,
            Conflict,
            EveryFileRejected,
            QueueFull,
            PicturesUnavailable,
            DiskFull,
        ],
        tag=Tag.UPLOADING,
        who=Who.UPLOADER,
    ),
    get(
        "/api/jobs/{job_id}",
        get_job,
        "A job: for an upload token its own uploads, for an admin any",
        ok(Job, "The job."),
        tag=Tag.UPLOADING,
        who=Who.UPLOADER,
    ),
]
