"""What users change of their account: choices for the pages, password, e-mail, key."""

from dataclasses import replace

from aiohttp import web

from findme import db
from findme.accounts import accounts, auth
from findme.errors import Conflict, InvalidRequest, TooManyAttempts, WrongCredentials, WrongPassword
from findme.models import User
from findme.web.guest.auth import session_token, user_json
from findme.web.guest.join import key_url
from findme.web.keys import CACHE, POOL, remote, user
from findme.web.rendering import LANGUAGES, SCHEMES
from findme.web.responses import json_answer, json_of, text_of

#: Addresses that a guest without one may try in so many seconds.
MAX_ASKED, ASKED_SECONDS = 10, 900
CHOICES = frozenset({"name", "language", "scheme", "letter_keys"})


async def choose(request: web.Request, wanted: User) -> User:
    """Keep name and choices of *wanted* for the caller; InvalidRequest where they cannot be."""
    wanted = replace(wanted, name=auth.check_name(wanted.name))
    if wanted.language is not None and wanted.language not in request.app[LANGUAGES]:
        raise InvalidRequest("There is no such language here.", field="language")
    if wanted.scheme is not None and wanted.scheme not in SCHEMES:
        raise InvalidRequest("scheme is light, dark or null.", field="scheme")
    async with db.transaction(request.app[POOL]) as conn:
        await accounts.set_name(conn, wanted.id, wanted.name)
        await accounts.set_choices(
            conn,
            wanted.id,
            language=wanted.language,
            scheme=wanted.scheme,
            letter_keys=wanted.letter_keys,
        )
    await auth.read_anew(request.app[POOL], request.app[CACHE], wanted.id)
    return wanted


async def change_password(request: web.Request, present: str, new: str) -> None:
    """Replace the caller's password and end their other sessions.

    WrongPassword, TooManyAttempts; Conflict where they have none.
    """
    pool, cache, me = request.app[POOL], request.app[CACHE], user(request)
    if me.email is None:
        raise Conflict("This account has no password yet: add an e-mail address and one.")
    try:
        await auth.sign_in(pool, cache, me.email, present, remote(request))
    except WrongCredentials as error:
        raise WrongPassword(field="old") from error
    password_hash = await auth.hash_password(auth.check_password(new))
    async with db.transaction(pool) as conn:
        await accounts.set_password(conn, me.id, password_hash)
    await auth.close_sessions(pool, cache, me.id, but=session_token(request))


async def add_sign_in(request: web.Request, email: str, password: str) -> User:
    """Make a full account of the caller's, which a key opened so far.

    EmailTaken, Conflict, TooManyAttempts.
    """
    pool, me = request.app[POOL], user(request)
    # it tells whether an address has an account, so not too often
    asked = await request.app[CACHE].count_attempt(f"credentials:{me.id}", seconds=ASKED_SECONDS)
    if asked > MAX_ASKED:
        raise TooManyAttempts
    email, password = auth.check_email(email), auth.check_password(password)
    password_hash = await auth.hash_password(password)
    async with db.transaction(pool) as conn:
        await accounts.add_sign_in(conn, me.id, email, password_hash)
    await auth.read_anew(pool, request.app[CACHE], me.id)
    return replace(me, email=email)


async def renew_link(request: web.Request) -> str:
    """Return the caller's new link; the old one opens nothing, its other sessions end."""
    pool, me = request.app[POOL], user(request)
    async with db.transaction(pool) as conn:
        key = await accounts.renew_key(conn, me.id)
    await auth.close_sessions(pool, request.app[CACHE], me.id, but=session_token(request))
    return key_url(request, key)


async def patch_me(request: web.Request) -> web.Response:
    """PATCH /api/me {name?, language?, scheme?, letter_keys?}."""
    body, me = await json_of(request), user(request)
    if unknown := body.keys() - CHOICES:
        raise InvalidRequest(f"{min(unknown)} cannot be changed.", field=min(unknown))
    if not isinstance(body.get("letter_keys", True), bool):
        raise InvalidRequest("letter_keys is true or false.", field="letter_keys")
    if "name" in body:
        text_of(body, "name")
    for name in ("language", "scheme"):
        if body.get(name) is not None:
            text_of(body, name)
    chosen = await choose(request, replace(me, **body))
    return json_answer(
        {
            **user_json(chosen),
            "language": chosen.language,
            "scheme": chosen.scheme,
            "letter_keys": chosen.letter_keys,
        }
    )


async def put_password(request: web.Request) -> web.Response:
    """PUT /api/me/password {old, new}."""
    body = await json_of(request)
    await change_password(request, text_of(body, "old"), text_of(body, "new"))
    return web.Response(status=204)


async def put_credentials(request: web.Request) -> web.Response:
    """PUT /api/me/credentials {email, password}: for an account that a key opened so far."""
    body = await json_of(request)
    changed = await add_sign_in(request, text_of(body, "email"), text_of(body, "password"))
    return json_answer(user_json(changed))


async def post_key(request: web.Request) -> web.Response:
    """POST /api/me/key: a new link; the one before opens nothing any more."""
    response = json_answer({"key_url": await renew_link(request)}, 201)
    response.headers["Cache-Control"] = "no-store"
    return response


ROUTES = [
    web.patch("/api/me", patch_me),
    web.put("/api/me/password", put_password),
    web.put("/api/me/credentials", put_credentials),
    web.post("/api/me/key", post_key),
]
