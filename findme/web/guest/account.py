"""Users' changes of their account: choices for the pages, password, e-mail, key."""

from dataclasses import replace
from typing import Annotated, TypeAlias

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from findme.accounts import auth
from findme.errors import Conflict, EmailTaken, InvalidRequest, TooManyAttempts, WrongPassword
from findme.models import User
from findme.web import shapes
from findme.web.guest.auth import session_token
from findme.web.keys import ACCESS, ACCOUNT, mailed_base, user
from findme.web.links import key_url
from findme.web.openapi.route import GONE, Tag, Who, created, ok, patch, post, put
from findme.web.rendering import LANGUAGES, SCHEMES, language_of
from findme.web.responses import json_answer, json_of, text_of

CHOICES = frozenset({"name", "language", "scheme", "letter_keys"})


Language: TypeAlias = Annotated[
    str | None, Meta(description="A language of the pages; null: as the browser says.")
]
Scheme: TypeAlias = Annotated[
    Annotated[str, Meta(extra_json_schema={"enum": [*SCHEMES]})] | None,
    Meta(description="null: as the device says."),
]
LetterKeys: TypeAlias = Annotated[
    bool, Meta(description="Whether single letters are keys of the viewer and of questions.")
]


class Account(shapes.User, frozen=True, kw_only=True):
    """An account with its choices."""

    language: Language
    scheme: Scheme
    letter_keys: LetterKeys


class AccountChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """The members of an account to change."""

    name: Annotated[
        str | UnsetType, Meta(description="1 to 100 characters; the organiser sees it.")
    ] = UNSET
    language: Language | UnsetType = UNSET
    scheme: Scheme | UnsetType = UNSET
    letter_keys: LetterKeys | UnsetType = UNSET


class PasswordChange(Struct):
    """The present password and the next one."""

    old: str
    new: Annotated[str, Meta(description="8 to 1024 characters.")]


class Credentials(Struct):
    """The e-mail address and password with which to sign in from now on."""

    email: str
    password: Annotated[str, Meta(description="8 to 1024 characters.")]


async def save_profile(request: web.Request, wanted: User) -> User:
    """Store name and choices of *wanted*; InvalidRequest for a name, language or scheme."""
    wanted = replace(wanted, name=auth.check_name(wanted.name))
    if wanted.language is not None and wanted.language not in request.app[LANGUAGES]:
        raise InvalidRequest("There is no such language here.", field="language")
    if wanted.scheme is not None and wanted.scheme not in SCHEMES:
        raise InvalidRequest("scheme is light, dark or null.", field="scheme")
    return await request.app[ACCOUNT].save_profile(wanted)


async def change_password(request: web.Request, old: str, new: str) -> None:
    """Replace the caller's password and end their other sessions (see `Account`)."""
    await request.app[ACCOUNT].change_password(user(request), old, new, keep=session_token(request))


async def add_sign_in(request: web.Request, email: str, password: str) -> User:
    """Give the caller's account an address and a password (see `Account`)."""
    return await request.app[ACCOUNT].add_sign_in(
        user(request),
        email,
        password,
        language=language_of(request).code,
        base_url=mailed_base(request),
    )


async def renew_link(request: web.Request) -> str:
    """Return the caller's new link; the old one opens nothing, their other sessions end."""
    key = await request.app[ACCESS].renew_key(user(request), keep=session_token(request))
    return key_url(request, key)


async def patch_me(request: web.Request) -> web.Response:
    """PATCH /api/me {name?, language?, scheme?, letter_keys?}."""
    me, body = user(request), await json_of(request)
    if unknown := body.keys() - CHOICES:
        raise InvalidRequest(f"{min(unknown)} cannot be changed.", field=min(unknown))
    if not isinstance(body.get("letter_keys", True), bool):
        raise InvalidRequest("letter_keys is true or false.", field="letter_keys")
    if "name" in body:
        text_of(body, "name")
    for name in ("language", "scheme"):
        if body.get(name) is not None:
            text_of(body, name)
    saved = await save_profile(request, replace(me, **body))
    return json_answer(
        Account(
            id=str(saved.id),
            name=saved.name,
            email=saved.email,
            role=saved.role,
            language=saved.language,
            scheme=saved.scheme,
            letter_keys=saved.letter_keys,
        )
    )


async def put_password(request: web.Request) -> web.Response:
    """PUT /api/me/password {old, new}."""
    user(request)
    body = await json_of(request)
    await change_password(request, text_of(body, "old"), text_of(body, "new"))
    return web.Response(status=204)


async def put_credentials(request: web.Request) -> web.Response:
    """PUT /api/me/credentials {email, password}: for an account that only a key opened so far."""
    user(request)
    body = await json_of(request)
    email, password = text_of(body, "email"), text_of(body, "password")
    return json_answer(shapes.user_of(await add_sign_in(request, email, password)))


async def post_key(request: web.Request) -> web.Response:
    """POST /api/me/key: a new link; the previous one stops working."""
    response = json_answer(shapes.KeyLink(await renew_link(request)), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


ROUTES = [
    patch(
        "/api/me",
        patch_me,
        "Change name, language, scheme or letter keys",
        ok(Account, "The caller."),
        takes=AccountChanges,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    put(
        "/api/me/password",
        put_password,
        "Change the password; other sessions end",
        GONE,
        takes=PasswordChange,
        fails=[WrongPassword, Conflict, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    put(
        "/api/me/credentials",
        put_credentials,
        "Give an account that a link opens an e-mail address and a password; the link ends",
        ok(shapes.User, "The caller."),
        takes=Credentials,
        fails=[Conflict, EmailTaken, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    post(
        "/api/me/key",
        post_key,
        "A new link to an account without an e-mail address; the old one and other sessions end",
        created(shapes.KeyLink, "The link."),
        fails=[Conflict],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
]
