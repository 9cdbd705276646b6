"""The pages of webhooks; plain forms, so that they work without a script."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web
from multidict import MultiDictProxy

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest
from findme.messaging import webhooks
from findme.privacy import audit_log
from findme.web.keys import POOL, admin
from findme.web.operator.webhooks import add, checked_topics, checked_url, remove, repeat, test
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import MAX_LIMIT, cut, page_of, path_id

#: Deliveries of a page.
PAGE = 50
DELETE, DELETE_SURELY, CHANGE = "delete", "delete-surely", "change"
#: What a webhook's page can have done: it says so afterwards.
DONE = ("test", "on", "off", "again", CHANGE)


async def page(request: web.Request) -> web.Response:
    """GET /admin/webhooks."""
    admin(request)
    return await _list(request)


async def make(request: web.Request) -> web.Response:
    """POST /admin/webhooks: the answer shows the secret, this once."""
    actor = admin(request).id
    url, topics = _told(await form_of(request))
    try:
        url, topics = checked_url(request, url), checked_topics(topics)
    except InvalidRequest:
        return await _list(request, url=url, chosen=topics, wrong=True)
    made = None
    async with db.transaction(request.app[POOL]) as conn:
        # the same form again is a reload of the page with the secret, or a second press
        twin = await webhooks.find_twin(conn, url, topics)
        if twin is None:
            made = await add(request, conn, actor, url, topics)
    return await _list(request, made=made, twin=twin)


def _told(form: MultiDictProxy[str]) -> tuple[str, list[str]]:
    """Return who is to be told of what, as it was typed and ticked."""
    return form.get("url", ""), form.getall("topics", [])


async def _list(
    request: web.Request,
    *,
    made: Record | None = None,
    twin: Record | None = None,
    url: str = "",
    chosen: Sequence[str] = (),
    wrong: bool = False,
) -> web.Response:
    async with db.acquire(request.app[POOL]) as conn:
        listed = await webhooks.list_all(conn, before=None, limit=MAX_LIMIT)
    context = {
        "webhooks": listed,
        "made": made,
        "twin": twin,
        "url": url,
        "chosen": chosen,
        "wrong": wrong,
        "removed": "removed" in request.query,
    }
    status = HTTPStatus.OK if twin is None else HTTPStatus.CONFLICT
    if wrong:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "admin/webhooks.html", context, status=status)


async def one(request: web.Request) -> web.Response:
    """GET /admin/webhooks/{id}: with its deliveries."""
    admin(request)
    return await _one(request)


async def _one(
    request: web.Request, *, url: str | None = None, chosen: Sequence[str] = ()
) -> web.Response:
    """Show a webhook; *url* and *chosen* are a change that could not be made."""
    before, _ = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        webhook = await webhooks.get(conn, path_id(request))
        found = await webhooks.list_deliveries(conn, webhook["id"], before=before, limit=PAGE + 1)
    rows, more = cut(found, PAGE)
    older = str(request.rel_url.update_query(before=rows[-1]["id"])) if more else None
    did = request.query.get("did")
    context = {
        "webhook": webhook,
        "url": webhook["url"] if url is None else url,
        "chosen": webhook["topics"] if url is None else chosen,
        "wrong": url is not None,
        "deliveries": rows,
        "older": older,
        "did": did if did in DONE else None,
    }
    status = HTTPStatus.OK if url is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "admin/webhook.html", context, status=status)


async def act(request: web.Request) -> web.Response:
    """POST /admin/webhooks/{id}: what its buttons do; `delete` asks first."""
    actor, webhook_id = admin(request).id, path_id(request)
    form = await form_of(request)
    word = str(form.get("act", ""))
    url, topics = _told(form)
    if word == CHANGE:
        try:
            url, topics = checked_url(request, url), checked_topics(topics)
        except InvalidRequest:
            return await _one(request, url=url, chosen=topics)
    async with db.transaction(request.app[POOL]) as conn:
        row = await webhooks.get(conn, webhook_id)
        if word == "test":
            await test(conn, actor, webhook_id)
        elif word in ("on", "off"):
            await webhooks.change(
                conn, webhook_id, url=row["url"], topics=row["topics"], active=word == "on"
            )
            await audit_log.note(
                conn, actor, "webhook.changed", subjects=[webhook_id], detail={"active": word}
            )
        elif word == CHANGE:
            await webhooks.change(conn, webhook_id, url=url, topics=topics, active=row["active"])
            await audit_log.note(
                conn, actor, "webhook.changed", subjects=[webhook_id],
                detail={"members": ["topics", "url"]},
            )  # fmt: skip
        elif word == DELETE:
            return render(request, "admin/webhook_delete.html", {"webhook": row})
        elif word == DELETE_SURELY:
            await remove(conn, actor, webhook_id)
        else:
            raise InvalidRequest("There is no such button.", field="act")
    return redirect(
        "/admin/webhooks?removed=1" if word == DELETE_SURELY else f"{request.path}?did={word}"
    )


async def again(request: web.Request) -> web.Response:
    """POST /admin/webhooks/deliveries/{id}: send it once more."""
    actor = admin(request).id
    async with db.transaction(request.app[POOL]) as conn:
        row = await repeat(conn, actor, path_id(request))
    return redirect(f"/admin/webhooks/{row['webhook_id']}?did=again")


ROUTES = [
    web.get("/admin/webhooks", page),
    web.post("/admin/webhooks", make),
    web.get(r"/admin/webhooks/{id:\d+}", one),
    web.post(r"/admin/webhooks/{id:\d+}", act),
    web.post(r"/admin/webhooks/deliveries/{id:\d+}", again),
]
