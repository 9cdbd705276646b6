"""The pages of webhooks, with forms that work without a script."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web
from multidict import MultiDictProxy

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest
from findme.messaging import webhooks
from findme.web.keys import POOL, WEBHOOKS, admin
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import MAX_LIMIT, page_of, path_id, split_page

#: Deliveries of a page.
PAGE = 50
DELETE, DELETE_SURELY, CHANGE = "delete", "delete-surely", "change"
#: The notices of a webhook's page after an action.
DONE = ("test", "on", "off", "again", CHANGE)


async def page(request: web.Request) -> web.Response:
    """GET /admin/webhooks."""
    admin(request)
    return await _list(request)


async def make(request: web.Request) -> web.Response:
    """POST /admin/webhooks: the only answer that shows the secret."""
    actor = admin(request).id
    url, topics = _typed(await form_of(request))
    try:
        # a second form with the same content is a reload of the page with the secret
        row, is_new = await request.app[WEBHOOKS].add_once(actor, url, topics)
    except InvalidRequest:
        return await _list(request, url=url, chosen=topics, wrong=True)
    return await _list(request, made=row if is_new else None, twin=None if is_new else row)


def _typed(form: MultiDictProxy[str]) -> tuple[str, list[str]]:
    """Return the address as it was typed, and the topics that are ticked."""
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
    rows, more = split_page(found, PAGE)
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
    actor, webhook_id, service = admin(request).id, path_id(request), request.app[WEBHOOKS]
    form = await form_of(request)
    word = str(form.get("act", ""))
    target = f"{request.path}?did={word}"
    if word == "test":
        await service.test(actor, webhook_id)
    elif word in ("on", "off"):
        await service.switch(actor, webhook_id, active=word == "on")
    elif word == CHANGE:
        url, topics = _typed(form)
        try:
            await service.change(actor, webhook_id, url=url, topics=topics)
        except InvalidRequest:
            return await _one(request, url=url, chosen=topics)
    elif word == DELETE:
        async with db.acquire(request.app[POOL]) as conn:
            row = await webhooks.get(conn, webhook_id)
        return render(request, "admin/webhook_delete.html", {"webhook": row})
    elif word == DELETE_SURELY:
        await service.remove(actor, webhook_id)
        target = "/admin/webhooks?removed=1"
    else:
        raise InvalidRequest("There is no such button.", field="act")
    return redirect(target)


async def again(request: web.Request) -> web.Response:
    """POST /admin/webhooks/deliveries/{id}: sends it again."""
    row = await request.app[WEBHOOKS].redeliver(admin(request).id, path_id(request))
    return redirect(f"/admin/webhooks/{row['webhook_id']}?did=again")


ROUTES = [
    web.get("/admin/webhooks", page),
    web.post("/admin/webhooks", make),
    web.get(r"/admin/webhooks/{id:\d+}", one),
    web.post(r"/admin/webhooks/{id:\d+}", act),
    web.post(r"/admin/webhooks/deliveries/{id:\d+}", again),
]
