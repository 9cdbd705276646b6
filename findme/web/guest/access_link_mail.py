"""Sending one's own link to oneself: for guests who have a link in place of an e-mail address.

Neither the address nor the link is kept: the mail goes out while the guest waits, past the queue.
"""

from http import HTTPStatus

from aiohttp import web

from findme import db
from findme.accounts import accounts, auth
from findme.errors import FindMeError, NotFound, TooManyAttempts
from findme.messaging import mail_templates, notifications, smtp
from findme.messaging.smtp import Mail
from findme.web.guest.join import key_url
from findme.web.keys import CACHE, POOL, SETTINGS, user
from findme.web.rendering import language_of, render
from findme.web.request_bodies import form_of
from findme.web.responses import json_of, text_of

#: Mails of one guest in so many seconds.
MOST, SECONDS = 3, 900


async def send(request: web.Request, email: str, key: str) -> None:
    """Mail the caller's link to an address.

    NotFound where no mail is sent or the key is not the caller's, TooManyAttempts, DeliveryFailed,
    DeliveryRefused.
    """
    settings, me = request.app[SETTINGS], user(request)
    if settings.smtp_url is None or not notifications.mails(settings):
        raise NotFound
    email = auth.check_email(email)
    # counted before the key is looked at: it is no place to try keys either
    if await request.app[CACHE].count_attempt(f"key-mail:{me.id}", seconds=SECONDS) > MOST:
        raise TooManyAttempts
    async with db.acquire(request.app[POOL]) as conn:
        owner = await accounts.find_by_key(conn, key)
    if owner.id != me.id:
        raise NotFound
    letter = mail_templates.write("key", language_of(request).code, {"url": key_url(request, key)})
    await smtp.send(
        Mail(email, letter.subject, letter.text, letter.html),
        smtp_url=settings.smtp_url,
        sender=smtp.sender_of(settings.smtp_url, settings.mail_from),
    )


async def post_key_mail(request: web.Request) -> web.Response:
    """POST /api/me/key-mail {email, key}."""
    user(request)
    body = await json_of(request)
    await send(request, text_of(body, "email"), text_of(body, "key"))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def form(request: web.Request) -> web.Response:
    """POST /account/key-mail: the form below the link, which the page holds already."""
    fields = await form_of(request)
    email, link = str(fields.get("email", "")), str(fields.get("link", ""))
    code = None
    try:
        await send(request, email, link.rpartition("/")[2])
    except FindMeError as error:
        code, status = error.code, error.status
    else:
        status = HTTPStatus.OK
    page = render(
        request,
        "guest/key_mailed.html",
        {"email": email, "link": link, "code": code},
        status=status,
    )
    page.headers["Cache-Control"] = "no-store"
    return page


ROUTES = [
    web.post("/api/me/key-mail", post_key_mail),
    web.post("/account/key-mail", form),
]
