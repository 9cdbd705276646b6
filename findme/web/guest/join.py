"""Joining an event with a selfie, and who the caller is."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from findme import db
from findme.accounts import accounts, auth, guests, selfies
from findme.accounts.selfies import PendingSelfie
from findme.errors import (
    BadImage,
    CollectionRebuilding,
    ConsentRequired,
    EmailTaken,
    EngineRefused,
    EngineUnavailable,
    EventClosed,
    InvalidRequest,
    JoinClosed,
    NotFound,
    SelfieRefused,
    TooManyAttempts,
    WrongCredentials,
)
from findme.gallery import events
from findme.media import images, storage
from findme.models import Accounts, Event, EventId, Role, SelfieState, Size, User
from findme.services import vectors
from findme.web.guest.auth import set_session_cookie, user_json
from findme.web.keys import (
    CACHE,
    IMAGES,
    POOL,
    QUEUE,
    SELFIES,
    SETTINGS,
    TYPED,
    VECTORS,
    actor,
    base_url,
    remote,
    user,
)
from findme.web.rendering import language_of
from findme.web.request_bodies import chunks_of, parts_of, text_of
from findme.web.responses import json_answer, time_text

#: What is recorded as agreed to where the form does not say which sentence it showed.
CONSENT = "I agree that my face is used to find my photos of this event."
#: Attempts to join in a minute from one address: behind it a whole party stands in line.
MAX_JOINS = 600
#: The words that tick a consent box; browsers send `on`.
YES = frozenset({"yes", "on", "true", "1"})


@dataclass(frozen=True, slots=True)
class Joined:
    """A guest who is in; the token is None where they were signed in already."""

    token: str | None
    expires_at: datetime | None
    user: User
    event: Event
    #: None for a guest without a selfie.
    selfie_status: SelfieState | None
    #: The link that opens a guest's account without an e-mail; it is shown this once.
    key_url: str | None = None

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
    # a form that is refused is shown again with what was typed into it
    fields = request[TYPED] = {}
    jpeg = None
    async with storage.spool_folder(settings.findme_data_dir) as folder:
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
        return await request.app[IMAGES].run(images.selfie, path, settings.max_image_pixels)
    except BadImage as problem:
        raise SelfieRefused(str(problem), code="invalid_image") from problem


async def join_from_form(request: web.Request, code: str) -> Joined:
    """Bring a guest in: account (or the signed-in one), consent, selfie, and its judgement.

    Who is looked for already replaces their selfie, in a closed event too.
    """
    pool, signed_in = request.app[POOL], actor(request).user
    async with db.acquire(pool) as conn:
        event = await events.get_by_code(conn, code)
        part = None if signed_in is None else await guests.find(conn, event.id, signed_in.id)
    if part is None or not part.consented:
        check_open(event)
    joins = await request.app[CACHE].count_attempt(f"joins:{remote(request)}", seconds=60)
    if joins > MAX_JOINS:
        raise TooManyAttempts
    form = await read_form(request)
    if form.fields.get("consent", "").strip().lower() not in YES:
        raise ConsentRequired
    someone = signed_in or await _someone_of(request, event, form)
    # who only looked so far may say now who they are
    named = form.fields.get("name", "").strip() if part and not part.consented else ""
    if named and signed_in is not None:
        someone = replace(signed_in, name=auth.check_name(named))
    if form.jpeg is None:
        raise SelfieRefused("The selfie is missing.", code="no_face")
    key, language = None, form.fields.get("language", "").strip()[:10] or language_of(request).code
    async with db.transaction(pool) as conn:
        await events.hold(conn, event.id)
        if isinstance(someone, Newcomer):
            who, key = await someone.enter(conn, language)
        else:
            who = someone
            if named:
                await accounts.set_name(conn, who.id, who.name)
        fresh = await guests.find(conn, event.id, who.id) is None
        guest_id = await guests.join(
            conn,
            event.id,
            who.id,
            consent_text=form.fields.get("consent_text", "").strip()[:2000] or CONSENT,
            language=language,
        )
        selfie = await selfies.add(conn, event.id, guest_id)
        await storage.store_bytes(conn, form.jpeg, size=Size.ORIGINAL, selfie_id=selfie.id)
    if named:
        await auth.read_anew(pool, request.app[CACHE], who.id)
    try:
        status = await take_in(request, event.id, selfie, form.jpeg)
    except (SelfieRefused, NotFound):
        # refused, or the event was deleted meanwhile
        async with db.transaction(pool) as conn:
            # the same form may have been sent twice, and its other selfie be good
            await accounts.hold(conn, who.id)
            await guests.undo_join(conn, guest_id, fresh=fresh)
            if isinstance(someone, Newcomer) and not await guests.list_by_user(conn, who.id):
                await auth.delete_account(conn, who.id)
        raise
    if signed_in is not None:
        return Joined(None, None, who, event, status)
    return await welcome(request, event, who, key, status)


def check_open(event: Event) -> None:
    """Raise EventClosed past an event's closing time, JoinClosed where it takes nobody."""
    if event.closes_at is not None and event.closes_at <= datetime.now(UTC):
        raise EventClosed
    if not event.join_open:
        raise JoinClosed


async def welcome(
    request: web.Request, event: Event, who: User, key: str | None, status: SelfieState | None
) -> Joined:
    """Open a session for whoever has just come in."""
    async with db.acquire(request.app[POOL]) as conn:
        session = await auth.open_session(conn, who.id)
    link = None if key is None else key_url(request, key)
    return Joined(session.token, session.expires_at, who, event, status, link)


def key_url(request: web.Request, key: str) -> str:
    """Return the link that opens an account without an e-mail."""
    return f"{base_url(request)}/k/{key}"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody without an account; with a name only, a key will be their way in."""

    name: str
    email: str | None = None
    password_hash: str = ""
    #: What the form's secret leads to, where it has one: sent again, it is the same guest.
    key: str | None = None

    async def enter(self, conn: db.Connection, language: str) -> tuple[User, str | None]:
        """Add their account; return it, and the key where there is no e-mail."""
        key = None
        if self.email is None:
            user_id, key = await accounts.create_keyed(conn, self.name, self.key)
        else:
            user_id = await auth.create_account(
                conn,
                name=self.name,
                email=self.email,
                password_hash=self.password_hash,
                role=Role.GUEST,
            )
        await accounts.note_language(conn, user_id, language)
        return User(user_id, self.name, self.email, Role.GUEST, language), key


async def _someone_of(request: web.Request, event: Event, form: Form) -> User | Newcomer:
    """Return the account that the form's password opens, or a newcomer; EmailTaken."""
    name = auth.check_name(form.fields.get("name", ""))
    email, password = form.fields.get("email", "").strip(), form.fields.get("password", "")
    if event.accounts is Accounts.OPTIONAL and not email and not password:
        attempt = form.fields.get("attempt", "")
        key = accounts.key_of_attempt(attempt, event.id, name) if attempt else None
        return Newcomer(name, key=key)
    email, password = auth.check_email(email), auth.check_password(password)
    async with db.acquire(request.app[POOL]) as conn:
        found = await auth.find_account(conn, email)
    if found is None:
        return Newcomer(name, email, await auth.hash_password(password))
    if found[0].role is not Role.GUEST:
        raise EmailTaken
    try:
        return await auth.sign_in(
            request.app[POOL], request.app[CACHE], email, password, remote(request)
        )
    except WrongCredentials as error:
        raise EmailTaken from error


async def take_in(
    request: web.Request, event_id: EventId, selfie: PendingSelfie, jpeg: bytes
) -> SelfieState:
    """Have the selfie judged now; `pending` without the engine, or the event's faces in it."""
    pool = request.app[POOL]
    try:
        # shielded: a phone that hangs up must not leave half of it done
        await asyncio.shield(request.app[SELFIES].index_selfie_now(event_id, selfie, jpeg))
    except CollectionRebuilding:
        async with db.transaction(pool) as conn:
            await selfies.release(conn, selfie)
        return SelfieState.PENDING
    except EngineUnavailable:
        async with db.transaction(pool) as conn:
            await selfies.leave_to_workers(conn, selfie)
        request.app[QUEUE].note_outage()
        return SelfieState.PENDING
    except (SelfieRefused, EngineRefused) as problem:
        async with db.transaction(pool) as conn:
            await selfies.discard(conn, selfie)
        if isinstance(problem, EngineRefused):
            raise SelfieRefused(str(problem), code="invalid_image") from problem
        raise
    request.app[QUEUE].wake()
    return SelfieState.ACCEPTED


async def post_join(request: web.Request) -> web.Response:
    """POST /api/events/{code}/join."""
    return joined_answer(request, await join_from_form(request, request.match_info["code"]))


def joined_answer(request: web.Request, joined: Joined) -> web.Response:
    """Answer with who is in, and the session's cookie."""
    body: dict[str, Any] = {
        "token": joined.token,
        "user": user_json(joined.user),
        "event": {
            "id": str(joined.event.id),
            "name": joined.event.name,
            "gallery": joined.event.gallery,
        },
        "selfie": {"status": joined.selfie_status},
        "key_url": joined.key_url,
    }
    return let_in(request, json_answer(body, 201), joined)


def let_in(request: web.Request, response: web.Response, joined: Joined) -> web.Response:
    """Give the browser the session, where there is a new one."""
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
                    "consented": joined[event.id].consented,
                    "selfie": {
                        "status": joined[event.id].selfie_state,
                        "problem": joined[event.id].selfie_problem,
                    },
                }
                for event in mine
            ],
        }
    )


async def after_forgetting(request: web.Request, event_ids: Iterable[EventId]) -> None:
    """Drop the lists of the events, and have vectors removed now if the engine answers."""
    await vectors.delete_now(request.app[CACHE], request.app[VECTORS], event_ids)


ROUTES = [
    web.post("/api/events/{code}/join", post_join),
    web.get("/api/me", get_me),
]
