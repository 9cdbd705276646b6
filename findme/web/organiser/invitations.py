"""Personal invitations, as JSON and as a page: made from names, shown once, withdrawn."""

import base64
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from aiohttp import BodyPartReader, web
from msgspec import Meta, Struct
from yarl import URL

from findme.accounts import name_lists
from findme.accounts.invitations import Invitation, NewInvitation, Skipped
from findme.errors import InvalidRequest, UploadTooLarge
from findme.models import Event, EventId
from findme.web.keys import INVITATIONS, admin
from findme.web.links import invitation_url
from findme.web.openapi.route import GONE, Tag, Who, a_page, created, delete, get, post
from findme.web.rendering import redirect, render, set_event_zone
from findme.web.request_bodies import chunks_of, form_of, parts_of
from findme.web.responses import (
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import Id, Time, Url

#: Invitations of one page.
PAGE = 100
#: Bytes of a list: a thousand long names with some other columns.
MOST_BYTES = 512 * 1024


class OpenInvitation(Struct, frozen=True):
    """An invitation that nobody has used."""

    id: Id
    name: str
    created_at: Time


class MadeInvitation(Struct, frozen=True):
    """An invitation that was just made."""

    id: Id
    name: str
    url: Annotated[Url, Meta(description="The personal link; shown this once. It works once.")]


class SkippedName(Struct, frozen=True):
    """A name for which no invitation was made."""

    name: str
    reason: Annotated[
        str,
        Meta(
            description="In the list before, invited already, or no name.",
            extra_json_schema={"enum": ["twice", "invited", "not_a_name"]},
        ),
    ]


class MadeInvitations(Struct, frozen=True):
    """The result of a list of names."""

    created: list[MadeInvitation]
    skipped: list[SkippedName]


class Names(Struct, forbid_unknown_fields=True):
    """Names to invite."""

    names: Annotated[list[str], Meta(description="At most 1,000, of 1 to 100 characters.")]


async def post_invitations(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/invitations: the links are shown only here."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    names = (await json_of(request)).get("names")
    if (
        not isinstance(names, list)
        or not 1 <= len(names) <= name_lists.MOST_NAMES
        or not all(isinstance(name, str) for name in names)
    ):
        raise InvalidRequest(f"names has 1 to {name_lists.MOST_NAMES} names.", field="names")
    event, made, skipped = await request.app[INVITATIONS].create(actor, event_id, names)
    answer = json_answer(
        MadeInvitations(
            [
                MadeInvitation(str(one.id), one.name, invitation_url(request, event, one.token))
                for one in made
            ],
            [SkippedName(one.name, one.reason) for one in skipped],
        ),
        201,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def get_invitations(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/invitations: without the links."""
    admin(request)
    before, limit = page_of(request)
    found = await request.app[INVITATIONS].list_open(
        EventId(path_id(request)), before=before, limit=limit + 1
    )
    page, more = split_page(found.invitations, limit)
    items = [OpenInvitation(str(one.id), one.name, time_text(one.created_at)) for one in page]
    return await page_answer(request, items, found.total, page[-1].id if more else None)


async def delete_invitation(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/invitations/{invitation_id}."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    invitation_id = path_id(request, "invitation_id")
    await request.app[INVITATIONS].withdraw(actor, event_id, invitation_id)
    return web.Response(status=204)


# Page ---------------------------------------------------------------------------------------


async def page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/invitations?before=."""
    admin(request)
    return await _page(request)


async def create(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/invitations: from `names` that were pasted, or a file `list`."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    try:
        names = name_lists.read_names(await _text_of(request))
        if not names:
            return await _page(request, wrong="empty")
        event, made, skipped = await request.app[INVITATIONS].create(actor, event_id, names)
    except UploadTooLarge:
        return await _page(request, wrong="large")
    except InvalidRequest as error:
        return await _page(request, wrong="many" if error.extra.get("field") else "empty")
    return await _page(request, made=_links(request, event, made), skipped=skipped)


async def withdraw(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/invitations/withdraw: one by its `id`, or `all`."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    form = await form_of(request)
    chosen = None if "all" in form else parse_id(str(form.get("id", "")))
    withdrawn = await request.app[INVITATIONS].withdraw(actor, event_id, chosen)
    target = URL(f"/admin/events/{event_id}/invitations").with_query(withdrawn=str(withdrawn))
    return redirect(str(target))


async def _page(
    request: web.Request,
    *,
    made: Sequence[tuple[str, str]] = (),
    skipped: Sequence[Skipped] = (),
    wrong: str | None = None,
) -> web.Response:
    """Answer with the form, and the links that were just *made*: name and address."""
    before = parse_id(request.query["before"]) if "before" in request.query else None
    found = await request.app[INVITATIONS].list_open(
        EventId(path_id(request)), before=before, limit=PAGE + 1
    )
    shown: tuple[Sequence[Invitation], bool] = split_page(found.invitations, PAGE)
    set_event_zone(request, found.event)
    here = URL(request.path)
    withdrawn = parse_id(request.query["withdrawn"]) if "withdrawn" in request.query else None
    answer = render(
        request,
        "admin/invitations.html",
        {
            "event": found.event,
            "tab": "guests",
            "made": made,
            "table": _table(made) if made else None,
            "skipped": skipped,
            "wrong": wrong,
            "withdrawn": withdrawn,
            "invitations": shown[0],
            "total": found.total,
            "most": name_lists.MOST_NAMES,
            "first_page": None if before is None else str(here),
            "next_page": str(here.with_query(before=str(shown[0][-1].id))) if shown[1] else None,
        },
        status=HTTPStatus.OK if wrong is None else HTTPStatus.UNPROCESSABLE_ENTITY,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _links(
    request: web.Request, event: Event, made: Sequence[NewInvitation]
) -> list[tuple[str, str]]:
    return [(one.name, invitation_url(request, event, one.token)) for one in made]


def _table(made: Sequence[tuple[str, str]]) -> str:
    """Return the links as the address of a CSV file, which no server keeps."""
    text = name_lists.write_csv([("name", "link"), *made])
    # the mark tells Excel that it is UTF-8
    encoded = base64.b64encode(text.encode("utf-8-sig")).decode()
    return f"data:text/csv;charset=utf-8;base64,{encoded}"


async def _text_of(request: web.Request) -> str:
    """Return the names of a form: the file's, or else those that were pasted; UploadTooLarge."""
    if not request.content_type.startswith("multipart/"):
        raise InvalidRequest("A multipart form with names is expected.")
    texts = {"names": "", "list": ""}
    async for part in parts_of(request):
        if part.name in texts:
            texts[part.name] = name_lists.decode(await _bytes_of(part))
    return texts["list"] if texts["list"].strip() else texts["names"]


async def _bytes_of(part: BodyPartReader) -> bytes:
    data = b""
    async for chunk in chunks_of(part):
        data += chunk
        if len(data) > MOST_BYTES:
            raise UploadTooLarge
    return data


ROUTES = [
    post(
        "/api/admin/events/{id}/invitations",
        post_invitations,
        "Make personal links from names; they are shown this once",
        created(MadeInvitations, "The links, and the names that were left out."),
        takes=Names,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/invitations",
        get_invitations,
        "Personal invitations that nobody has used",
        a_page(OpenInvitation),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/events/{id}/invitations/{invitation_id}",
        delete_invitation,
        "Withdraw a personal invitation",
        GONE,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    web.get(r"/admin/events/{id:\d+}/invitations", page),
    web.post(r"/admin/events/{id:\d+}/invitations", create),
    web.post(r"/admin/events/{id:\d+}/invitations/withdraw", withdraw),
]
