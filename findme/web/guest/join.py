"""Joining an event with a selfie, and who the caller is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from findme import db
from findme.accounts import guests
from findme.accounts.invitations import InvitationUsed
from findme.errors import (
    ConsentRequired,
    EmailTaken,
    EventClosed,
    InvalidRequest,
    JoinClosed,
    NotFound,
    PicturesUnavailable,
    SelfieRefused,
    TooManyAttempts,
)
from findme.gallery import events
from findme.media import storage
from findme.models import Gallery, SelfieState
from findme.services.guest_selfies import SelfieResult
from findme.services.joining import Joined, JoinForm
from findme.web import cookies, shapes
from findme.web.guest.consent import ConsentChanged, agreed_text
from findme.web.keys import (
    GUEST_SELFIES,
    JOINING,
    POOL,
    SETTINGS,
    TYPED,
    actor,
    mailed_base,
    user,
)
from findme.web.links import key_url
from findme.web.openapi.route import FORM, Body, Tag, Who, created, get, ok, post
from findme.web.request_bodies import chunks_of, parts_of, text_of
from findme.web.responses import json_answer, time_text
from findme.web.shapes import File, Id, Time, Url

#: The values that tick a consent box; browsers send `on`.
YES = frozenset({"yes", "on", "true", "1"})


class EventOfGuest(Struct, frozen=True):
    """An event that somebody has joined."""

    id: Id
    name: str
    gallery: Gallery


#: How an accepted selfie could be better.
Advice = Literal["dark", "blurred", "too_small", "turned_away"]


class SelfieStatus(Struct, frozen=True, omit_defaults=True):
    """The result of a selfie."""

    status: Annotated[SelfieState | None, Meta(description="null: without a selfie.")]
    advice: Annotated[
        Sequence[Advice],
        Meta(description="What would make an accepted selfie find more; left out if it is good."),
    ] = ()


def selfie_status(result: SelfieResult | None) -> SelfieStatus:
    """Return the result of a selfie, in the API's words."""
    if result is None:
        return SelfieStatus(None)
    return SelfieStatus(result.state, cast("Sequence[Advice]", result.advice))


class JoinedAnswer(Struct, frozen=True):
    """A guest who has joined."""

    token: Annotated[str | None, Meta(description="null: the caller was signed in already.")]
    user: shapes.User
    event: EventOfGuest
    admitted: Annotated[
        bool, Meta(description="Whether the guest sees photos; else the organiser admits them.")
    ]
    selfie: SelfieStatus
    key_url: Annotated[
        Url | None, Meta(description="The link of a guest without an e-mail; shown this once.")
    ]


class JoinedEvent(Struct, frozen=True):
    """An event that the caller has joined."""

    id: Id
    name: str
    gallery: Gallery
    starts_at: Time | None
    joined_at: Time
    admitted: Annotated[bool, Meta(description="false: the caller waits for the organiser.")]
    consented: Annotated[bool, Meta(description="Whether the caller may be searched for.")]
    selfie: shapes.SelfieSoFar


class Me(shapes.User, frozen=True, kw_only=True):
    """The caller and their events."""

    user: shapes.User
    events: list[JoinedEvent]


class FormOfGuest(Struct, kw_only=True):
    """The members of a form that joins an event."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    password: Annotated[str | UnsetType, Meta(description="8 to 1024 characters.")] = UNSET
    consent: Annotated[str, Meta(extra_json_schema={"const": "yes"})]
    consent_id: Annotated[
        str | UnsetType,
        Meta(description="Of the text that was shown, from the join page; the present one if none"),
    ] = UNSET
    language: Annotated[
        str | UnsetType, Meta(description="Its language; that of Accept-Language if left out.")
    ] = UNSET
    attempt: Annotated[
        str | UnsetType,
        Meta(
            description="20 to 100 letters, digits, - and _, at random, if a name is enough: the "
            "same form sent again with them is the same guest."
        ),
    ] = UNSET
    invitation: Annotated[
        str | UnsetType,
        Meta(
            description="From a personal link: the guest is admitted, and may leave the name out."
        ),
    ] = UNSET
    selfie: File


@dataclass(frozen=True, slots=True)
class SelfieForm:
    """The text fields of a multipart form, and the selfie's JPEG as the engine will see it."""

    fields: Mapping[str, str]
    jpeg: bytes | None


async def read_form(request: web.Request) -> SelfieForm:
    """Read text fields and the selfie; UploadTooLarge, SelfieRefused (invalid_image)."""
    if not request.content_type.startswith("multipart/"):
        raise InvalidRequest("A multipart form with a selfie is expected.")
    # a form with an error is shown again with the typed values
    fields = request[TYPED] = {}
    jpeg = None
    async with storage.spool_folder(request.app[SETTINGS].findme_data_dir) as folder:
        async for part in parts_of(request):
            if part.name == "selfie":
                jpeg = await request.app[GUEST_SELFIES].read(chunks_of(part), folder / "selfie")
            elif part.name is not None:
                fields[part.name] = await text_of(part)
    return SelfieForm(fields, jpeg)


async def join_from_form(request: web.Request) -> Joined:
    """Let the caller join the event of the path with what their form says (see `Joining`)."""
    joining = request.app[JOINING]
    applicant = await joining.check_may_join(
        request.match_info["code"], actor(request).user, cookies.origin_of(request)
    )
    form = await read_form(request)
    fields = form.fields
    invitation = fields.get("invitation", "").strip()
    shown = await agreed_text(
        request,
        applicant.event,
        language_code=fields.get("language", "").strip(),
        shown_id=fields.get("consent_id", "").strip(),
        invited=bool(invitation),
    )
    return await joining.join(
        applicant,
        JoinForm(
            consented=fields.get("consent", "").strip().lower() in YES,
            consent_text=shown.text,
            language=shown.language,
            name=fields.get("name", ""),
            email=fields.get("email", ""),
            password=fields.get("password", ""),
            attempt=fields.get("attempt", ""),
            invitation=invitation,
            base_url=mailed_base(request),
            jpeg=form.jpeg,
        ),
    )


async def post_join(request: web.Request) -> web.Response:
    """POST /api/events/{code}/join."""
    return joined_answer(request, await join_from_form(request))


def joined_answer(request: web.Request, joined: Joined) -> web.Response:
    """Answer with the guest, their event, and the session's cookie."""
    event = joined.event
    body = JoinedAnswer(
        token=None if joined.session is None else joined.session.token,
        user=shapes.user_of(joined.user),
        event=EventOfGuest(str(event.id), event.name, event.gallery),
        admitted=joined.admitted,
        selfie=selfie_status(joined.selfie),
        key_url=None if joined.key is None else key_url(request, joined.key),
    )
    return set_session(request, json_answer(body, 201), joined)


def set_session(request: web.Request, response: web.Response, joined: Joined) -> web.Response:
    """Give the browser the session, if joining opened one."""
    if joined.session is not None:
        cookies.set_session(response, request, joined.session)
    return response


async def get_me(request: web.Request) -> web.Response:
    """GET /api/me."""
    me = user(request)
    async with db.acquire(request.app[POOL]) as conn:
        joined = {guest.event_id: guest for guest in await guests.list_by_user(conn, me.id)}
        mine = await events.list_joined(conn, me.id)
    return json_answer(
        Me(
            id=str(me.id),
            name=me.name,
            email=me.email,
            role=me.role,
            user=shapes.user_of(me),
            events=[
                JoinedEvent(
                    id=str(event.id),
                    name=event.name,
                    gallery=event.gallery,
                    starts_at=time_text(event.starts_at),
                    joined_at=time_text(joined[event.id].joined_at),
                    admitted=not joined[event.id].waits,
                    consented=joined[event.id].consented,
                    selfie=shapes.SelfieSoFar(
                        joined[event.id].selfie_state, joined[event.id].selfie_problem
                    ),
                )
                for event in mine
            ],
        )
    )


ROUTES = [
    post(
        "/api/events/{code}/join",
        post_join,
        "Join with a selfie; a signed-in user sends consent and selfie alone",
        created(JoinedAnswer, "In, signed in by cookie too."),
        takes=Body({FORM: FormOfGuest}),
        fails=[
            NotFound,
            JoinClosed,
            EventClosed,
            EmailTaken,
            InvitationUsed,
            ConsentChanged,
            ConsentRequired,
            SelfieRefused,
            PicturesUnavailable,
            TooManyAttempts,
        ],
        tag=Tag.JOINING,
        who=Who.ANYONE_OR_USER,
    ),
    get(
        "/api/me",
        get_me,
        "The caller and their events",
        ok(Me, "The caller."),
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
]
