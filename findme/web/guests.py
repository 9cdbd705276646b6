"""Joining an event, and what a guest may ask about themselves."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from findme import auth, db, events, guests, images, receipts, selfies, storage
from findme.errors import (
    BadImage,
    ConsentRequired,
    EmailTaken,
    EngineRefused,
    EngineUnavailable,
    InvalidRequest,
    JoinClosed,
    SelfieRefused,
    WrongCredentials,
)
from findme.models import Event, EventId, Role, SelfieState, Size, User, UserId
from findme.selfies import PendingSelfie
from findme.web.answers import json_answer, time_text
from findme.web.auth import set_session_cookie, user_json
from findme.web.forms import chunks_of, parts_of, text_of
from findme.web.keys import CACHE, FACES, PIPELINE, POOL, QUEUE, SETTINGS, actor, remote, user
from findme.web.middleware import SESSION_COOKIE

#: What is recorded as agreed to where the form does not say which sentence it showed.
CONSENT = "I agree that my face is used to find my photos of this event."
#: The words that tick a consent box; browsers send `on`.
YES = frozenset({"yes", "on", "true", "1"})


@dataclass(frozen=True, slots=True)
class Joined:
    """A guest who is in; the token is None where they were signed in already."""

    token: str | None
    expires_at: datetime | None
    user: User
    event: Event
    selfie_status: SelfieState

    @property
    def event_id(self) -> EventId:
        """The event that was joined."""
        return self.event.id


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a multipart form, and the selfie's JPEG as the engine will see it."""

    fields: Mapping[str, str]
    jpeg: bytes | None


async def read_form(request: web.Request) -> Form:
    """Read text fields and the selfie; UploadTooLarge, SelfieRefused (invalid_image)."""
    if not request.content_type.startswith("multipart/"):
        raise InvalidRequest("A multipart form with a selfie is expected.")
    settings = request.app[SETTINGS]
    fields: dict[str, str] = {}
    jpeg = None
    with storage.spool_folder(settings.findme_data_dir) as folder:
        async for part in parts_of(request):
            if part.name == "selfie":
                jpeg = await _read_selfie(request, part, folder / "selfie")
            elif part.name is not None:
                fields[part.name] = await text_of(part)
    return Form(fields, jpeg)


async def _read_selfie(request: web.Request, part: BodyPartReader, path: Path) -> bytes | None:
    settings = request.app[SETTINGS]
    spooled = await storage.spool(chunks_of(part), path, limit=settings.max_upload_bytes)
    if spooled.size_bytes == 0:
        return None
    try:
        return await request.app[PIPELINE].imaging.run(
            images.selfie, path, settings.max_image_pixels
        )
    except BadImage as problem:
        raise SelfieRefused(str(problem), code="invalid_image") from problem


async def join_from_form(request: web.Request, code: str) -> Joined:
    """Bring a guest in: account (or the signed-in one), consent, selfie, and its judgement."""
    pool = request.app[POOL]
    async with db.acquire(pool) as conn:
        event = await events.get_by_code(conn, code)
    if not event.join_open:
        raise JoinClosed
    form = await read_form(request)
    if form.fields.get("consent", "").strip().lower() not in YES:
        raise ConsentRequired
    signed_in = actor(request).user
    account = None if signed_in is not None else await _account_of(request, form)
    if form.jpeg is None:
        raise SelfieRefused("The selfie is missing.", code="no_face")
    async with db.transaction(pool) as conn:
        if account is not None:
            user_id = account.user_id or await auth.create_account(
                conn,
                name=account.name,
                email=account.email,
                password_hash=account.password_hash,
                role=Role.GUEST,
            )
            who = User(user_id, account.name, account.email, Role.GUEST)
        else:
            assert signed_in is not None
            who = signed_in
        guest_id = await guests.join(
            conn,
            event.id,
            who.id,
            consent_text=form.fields.get("consent_text", "").strip()[:2000] or CONSENT,
            language=form.fields.get("language", "").strip()[:10] or "en",
        )
        selfie = await selfies.add(conn, event.id, guest_id)
        await storage.store_bytes(conn, form.jpeg, size=Size.ORIGINAL, selfie_id=selfie.id)
    try:
        status = await take_in(request, event.id, selfie, form.jpeg)
    except SelfieRefused:
        if account is not None and account.user_id is None:
            async with db.transaction(pool) as conn:
                await auth.delete_account(conn, who.id)
        raise
    if account is None:
        return Joined(None, None, who, event, status)
    async with db.acquire(pool) as conn:
        session = await auth.open_session(conn, who.id)
    return Joined(session.token, session.expires_at, who, event, status)


@dataclass(frozen=True, slots=True)
class _Account:
    """Who wants to join: a new account, or one that the password opens."""

    name: str
    email: str
    password_hash: str
    user_id: UserId | None


async def _account_of(request: web.Request, form: Form) -> _Account:
    name = auth.check_name(form.fields.get("name", ""))
    email = auth.check_email(form.fields.get("email", ""))
    password = auth.check_password(form.fields.get("password", ""))
    async with db.acquire(request.app[POOL]) as conn:
        found = await auth.find_account(conn, email)
    if found is None:
        return _Account(name, email, await auth.hash_password(password), None)
    if found[0].role is not Role.GUEST:
        raise EmailTaken
    try:
        known = await auth.sign_in(
            request.app[POOL], request.app[CACHE], email, password, remote(request)
        )
    except WrongCredentials as error:
        raise EmailTaken from error
    return _Account(known.name, known.email, "", known.id)


async def take_in(
    request: web.Request, event_id: EventId, selfie: PendingSelfie, jpeg: bytes
) -> SelfieState:
    """Have the selfie judged now; `pending` while the engine cannot be reached."""
    pool = request.app[POOL]
    try:
        # shielded: a phone that hangs up must not leave half of it done
        await asyncio.shield(request.app[PIPELINE].take_in(event_id, selfie, jpeg))
    except EngineUnavailable:
        async with db.transaction(pool) as conn:
            await selfies.leave_to_workers(conn, selfie)
        if QUEUE in request.app:
            request.app[QUEUE].note_outage()
        return SelfieState.PENDING
    except (SelfieRefused, EngineRefused) as problem:
        async with db.transaction(pool) as conn:
            await selfies.discard(conn, selfie)
        if isinstance(problem, EngineRefused):
            raise SelfieRefused(str(problem), code="invalid_image") from problem
        raise
    if QUEUE in request.app:
        request.app[QUEUE].wake()
    return SelfieState.ACCEPTED


async def post_join(request: web.Request) -> web.Response:
    """POST /api/events/{code}/join."""
    joined = await join_from_form(request, request.match_info["code"])
    body: dict[str, Any] = {
        "token": joined.token,
        "user": user_json(joined.user),
        "event": {
            "id": str(joined.event.id),
            "name": joined.event.name,
            "gallery": joined.event.gallery,
        },
        "selfie": {"status": joined.selfie_status},
    }
    response = json_answer(body, 201)
    if joined.token is not None and joined.expires_at is not None:
        set_session_cookie(response, request, joined.token, joined.expires_at)
    return response


async def get_me(request: web.Request) -> web.Response:
    """GET /api/me."""
    me = user(request)
    async with db.acquire(request.app[POOL]) as conn:
        joined = {guest.event_id: guest for guest in await guests.list_by_user(conn, me.id)}
        mine = await events.list_joined(conn, me.id)
    return json_answer(
        {
            **user_json(me),
            "user": user_json(me),
            "events": [
                {
                    "id": str(event.id),
                    "name": event.name,
                    "gallery": event.gallery,
                    "starts_at": time_text(event.starts_at),
                    "joined_at": time_text(joined[event.id].joined_at),
                    "selfie": {
                        "status": joined[event.id].selfie_state,
                        "problem": joined[event.id].selfie_problem,
                    },
                }
                for event in mine
            ],
        }
    )


async def delete_me(request: web.Request) -> web.Response:
    """DELETE /api/me: account, selfies, vectors and matches; Location is the receipt."""
    token = await forget_user(request, user(request).id)
    response = web.Response(status=204, headers={"Location": f"/receipt/{token}"})
    response.del_cookie(SESSION_COOKIE)
    return response


async def forget_user(request: web.Request, user_id: UserId) -> str:
    """Erase an account; its vectors at once where the engine answers, else by the durable job.

    Return the token of the receipt.
    """
    pool, cache = request.app[POOL], request.app[CACHE]
    await auth.close_sessions(pool, cache, user_id)
    async with db.transaction(pool) as conn:
        sure = request.app[SETTINGS].face_match_threshold
        receipt = await receipts.begin(conn, user_id, sure=sure, whole=True)
        mine = await guests.list_by_user(conn, user_id)
        for guest in mine:
            await guests.forget(conn, guest.event_id, user_id)
        await auth.delete_account(conn, user_id)
        await receipts.note_faceprints(conn, receipt)
    await after_forgetting(request, [guest.event_id for guest in mine])
    await receipts.check(pool, request.app[FACES], receipt.id)
    return receipt.token


async def after_forgetting(request: web.Request, event_ids: list[EventId]) -> None:
    """Drop the lists of the events, and have vectors removed now if the engine answers."""
    for event_id in event_ids:
        await request.app[CACHE].forget_event(event_id)
        await request.app[PIPELINE].forget_now(event_id)


ROUTES = [
    web.post("/api/events/{code}/join", post_join),
    web.get("/api/me", get_me),
    web.delete("/api/me", delete_me),
]
