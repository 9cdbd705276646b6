"""The guests of an event for its organiser, as JSON and as pages: searched, let in again, removed.

Selfies are not shown. Guests gave them for the search, and only they see them; but see waiting.py.
"""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct
from yarl import URL

from findme import db
from findme.accounts import admission, guest_directory
from findme.accounts.guest_directory import GuestSummary
from findme.errors import Conflict
from findme.gallery import events
from findme.models import Event, EventId, GuestId, SelfieState, UserId
from findme.web.keys import ACCESS, ERASURE, POOL, admin, base_url
from findme.web.links import key_url
from findme.web.openapi.route import (
    GONE_WITH_RECEIPT,
    Query,
    Tag,
    Who,
    a_page,
    created,
    delete,
    get,
    post,
)
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import (
    json_answer,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import Id, KeyLink, Time

#: Guests of one page.
PAGE = 50


class Consent(Struct, frozen=True):
    """When a guest gave their consent to the search, and withdrew it."""

    at: Time | None
    withdrawn_at: Time | None


class SelfiesOfGuest(Struct, frozen=True):
    """The state of a guest's selfies; the pictures are theirs alone."""

    status: SelfieState | None
    problem: Annotated[str | None, Meta(description="Why the last one was refused.")]
    kept: Annotated[int, Meta(description="How many there are.")]


class PhotosOfGuest(Struct, frozen=True):
    """How many photos show a guest."""

    sure: int
    maybe: int


class ListedGuest(Struct, frozen=True):
    """A guest with what was found of them."""

    user_id: Id
    name: str
    email: Annotated[str | None, Meta(description="null: a link is the way in.")]
    joined_at: Time
    admitted_at: Annotated[Time | None, Meta(description="null: they wait to be admitted.")]
    consent: Consent
    selfie: SelfiesOfGuest
    photos: PhotosOfGuest


async def get_guests(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/guest-list?q=: the guests who joined last come first."""
    admin(request)
    before, limit = page_of(request)
    _, found, total = await _search(request, None if before is None else GuestId(before), limit)
    page, more = split_page(found, limit)
    items = [_listed(guest) for guest in page]
    return await page_answer(request, items, total, page[-1].guest_id if more else None)


async def _search(
    request: web.Request, before: GuestId | None, limit: int
) -> tuple[Event, list[GuestSummary], int]:
    words = request.query.get("q", "").replace("\0", "")
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await guest_directory.search(
            conn,
            event.id,
            words,
            before=before,
            limit=limit + 1,
        )
        return event, found, await guest_directory.count(conn, event.id, words)


def _listed(guest: GuestSummary) -> ListedGuest:
    return ListedGuest(
        user_id=str(guest.user_id),
        name=guest.name,
        email=guest.email,
        joined_at=time_text(guest.joined_at),
        admitted_at=time_text(guest.admitted_at),
        consent=Consent(time_text(guest.consent_at), time_text(guest.consent_withdrawn_at)),
        selfie=SelfiesOfGuest(guest.selfie, guest.selfie_problem, guest.selfies),
        photos=PhotosOfGuest(guest.sure, guest.maybe),
    )


async def post_key_link(request: web.Request) -> web.Response:
    """POST /api/admin/users/{id}/key-link: a new link for a guest without an e-mail."""
    key = await request.app[ACCESS].renew_key_for(admin(request).id, UserId(path_id(request)))
    answer = json_answer(KeyLink(key_url(request, key)), 201)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def delete_guest(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/guests/{user_id}: erases their part; Location: receipt."""
    return web.Response(status=204, headers={"Location": f"/receipt/{await _remove(request)}"})


async def delete_user(request: web.Request) -> web.Response:
    """DELETE /api/admin/users/{id}: erases the whole account; Location: receipt."""
    return web.Response(status=204, headers={"Location": f"/receipt/{await _erase(request)}"})


async def _erase(request: web.Request) -> str:
    """Erase the account of the path in all events; return the token of the receipt."""
    actor = admin(request).id
    return await request.app[ERASURE].erase_account(UserId(path_id(request)), erased_by=actor)


async def _remove(request: web.Request) -> str:
    """Erase the user's part in the event of the path; return the token of the receipt."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    user_id = UserId(path_id(request, "user_id"))
    return await request.app[ERASURE].leave_event(user_id, event_id, removed_by=actor)


# Pages --------------------------------------------------------------------------------------


async def guests_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/guests?q=&before=."""
    admin(request)
    before = GuestId(parse_id(request.query["before"])) if "before" in request.query else None
    event, found, total = await _search(request, before, PAGE)
    async with db.acquire(request.app[POOL]) as conn:
        waiting = await admission.count_waiting(conn, event.id)
    page, more = split_page(found, PAGE)
    words = request.query.get("q", "")
    here = URL(request.path).with_query({"q": words} if words else {})
    return render(
        request,
        "admin/guests.html",
        {
            "event": event,
            "tab": "guests",
            "words": words,
            "guests": page,
            "total": total,
            "first_page": None if before is None else str(here),
            "next_page": str(here.update_query(before=str(page[-1].guest_id))) if more else None,
            "receipt": request.query.get("receipt"),
            "waiting": waiting,
        },
    )


async def guest_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/guests/{user_id}."""
    return await _guest_page(request)


async def _guest_page(request: web.Request, link: str | None = None) -> web.Response:
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        guest = await guest_directory.get(
            conn,
            event.id,
            UserId(path_id(request, "user_id")),
        )
    context = {"event": event, "tab": "guests", "guest": guest, "link": link}
    return render(request, "admin/guest.html", context)


async def new_link(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/guests/{user_id}/link: a link that lets them in again, shown once.

    For a guest with an e-mail the link sets a new password, for another guest it is a new key.
    """
    who, user_id = admin(request), UserId(path_id(request, "user_id"))
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        guest = await guest_directory.get(conn, event.id, user_id)
    if guest.email is None:
        link = key_url(request, await request.app[ACCESS].renew_key_for(who.id, user_id))
    else:
        made = await request.app[ACCESS].create_reset_link(who.id, user_id)
        link = f"{base_url(request)}/reset/{made.token}"
    return await _guest_page(request, link)


async def remove(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/guests/{user_id}/remove: erases their part, and shows the receipt."""
    admin(request)
    back = "waiting" if (await form_of(request)).get("back") == "waiting" else "guests"
    token = await _remove(request)
    target = URL(f"/admin/events/{path_id(request)}/{back}").with_query(receipt=token)
    return redirect(str(target))


async def erase(request: web.Request) -> web.Response:
    """POST /admin/users/{id}/erase: erases the whole account, and shows the receipt."""
    return redirect(f"/receipt/{await _erase(request)}")


ROUTES = [
    get(
        "/api/admin/events/{id}/guest-list",
        get_guests,
        "Guests with what was found of them",
        a_page(ListedGuest),
        query=[Query("q", "Part of the name or the e-mail address.")],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/users/{id}/key-link",
        post_key_link,
        "A new link for a guest without an e-mail address; the old one ends",
        created(KeyLink, "The link."),
        fails=[Conflict],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/events/{id}/guests/{user_id}",
        delete_guest,
        "Remove a guest, as if they had asked",
        GONE_WITH_RECEIPT,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/users/{id}",
        delete_user,
        "Erase a guest's whole account, in all events",
        GONE_WITH_RECEIPT,
        fails=[Conflict],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    web.post(r"/admin/users/{id:\d+}/erase", erase),
    web.get(r"/admin/events/{id:\d+}/guests", guests_page),
    web.get(r"/admin/events/{id:\d+}/guests/{user_id:\d+}", guest_page),
    web.post(r"/admin/events/{id:\d+}/guests/{user_id:\d+}/link", new_link),
    web.post(r"/admin/events/{id:\d+}/guests/{user_id:\d+}/remove", remove),
]
