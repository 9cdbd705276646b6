"""A guest mails their own link to themselves, if they have a link in place of an e-mail address.

Neither the address nor the link is stored: the mail is sent while the guest waits, not by a job.
"""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import DeliveryFailed, DeliveryRefused, FindMeError, TooManyAttempts
from findme.web.keys import ACCESS, user
from findme.web.links import key_url
from findme.web.openapi.route import Answer, Tag, Who, post
from findme.web.rendering import language_of, render
from findme.web.request_bodies import form_of
from findme.web.responses import json_of, text_of


class KeyMail(Struct):
    """The address to which the caller's own link is sent; neither is stored."""

    email: str
    key: Annotated[str, Meta(description="What follows /k/ in the link.")]


async def _send(request: web.Request, email: str, key: str) -> None:
    url, language = key_url(request, key), language_of(request).code
    await request.app[ACCESS].mail_link(user(request), email, key, url=url, language=language)


async def post_key_mail(request: web.Request) -> web.Response:
    """POST /api/me/key-mail {email, key}."""
    user(request)
    body = await json_of(request)
    await _send(request, text_of(body, "email"), text_of(body, "key"))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def form(request: web.Request) -> web.Response:
    """POST /account/key-mail: the form below the link, which the page has already."""
    user(request)
    fields = await form_of(request)
    email, link = str(fields.get("email", "")), str(fields.get("link", ""))
    code = None
    try:
        await _send(request, email, link.rpartition("/")[2])
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
    post(
        "/api/me/key-mail",
        post_key_mail,
        "Have one's own link mailed to oneself; the address is not kept",
        Answer(HTTPStatus.NO_CONTENT, "Sent."),
        takes=KeyMail,
        fails=[TooManyAttempts, DeliveryRefused, DeliveryFailed],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    web.post("/account/key-mail", form),
]
