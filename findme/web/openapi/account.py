"""The calls of an account: its choices, its ways in, and leaving (see __init__.py)."""

from findme.models import Role
from findme.web.openapi.calls import GONE, SIGNED_IN, answer, body, call
from findme.web.openapi.json_schema import Schema, flag, obj, one_of, or_null, ref, text

ID = text("Opaque.")
RECEIPT = {"Location": {"description": "Of this erasure.", "schema": text()}}
ERASED = {204: answer("Done; Location is the receipt.", headers=RECEIPT)}
KEY_URL = text("The link that opens the account; shown this once.", format="uri")
CHOICES = {
    "name": text("1 to 100 characters; the organiser sees it."),
    "language": or_null(text("A language of the pages; null: as the browser says.")),
    "scheme": or_null(one_of(["light", "dark"], "null: as the device says.")),
    "letter_keys": flag("Whether single letters are keys of viewer and questions."),
}

ACCOUNT_SCHEMAS: dict[str, Schema] = {
    "Account": obj(
        {
            "id": ID,
            "email": or_null(text("null: a link is the way in.")),
            "role": one_of([*Role]),
            **CHOICES,
        }
    ),
    "Choices": {
        **obj(CHOICES, optional=[*CHOICES]),
        "additionalProperties": False,
    },
}

#: Joins what paths.py says of the same path.
PATCH_ME = call(
    "Account",
    "Change name, language, scheme or letter keys",
    SIGNED_IN,
    {200: answer("The caller.", ref("Account"))},
    fails=(403, 422),
    takes=body(ref("Choices")),
)

ACCOUNT_PATHS: dict[str, dict[str, Schema]] = {
    "/api/auth/logout-everywhere": {
        "post": call("Account", "End all sessions of the caller", SIGNED_IN, GONE, fails=(403,))
    },
    "/api/me/password": {
        "put": call(
            "Account",
            "Change the password; other sessions end. 403 wrong_password",
            SIGNED_IN,
            GONE,
            fails=(403, 409, 422, 429),
            takes=body(obj({"old": text(), "new": text("8 to 1024 characters.")})),
        )
    },
    "/api/me/credentials": {
        "put": call(
            "Account",
            "Give an account that a link opens an e-mail address and a password; the link ends",
            SIGNED_IN,
            {200: answer("The caller.", ref("User"))},
            fails=(403, 409, 422, 429),
            takes=body(obj({"email": text(), "password": text("8 to 1024 characters.")})),
        )
    },
    "/api/me/key": {
        "post": call(
            "Account",
            "A new link to an account without an e-mail; the old one and other sessions end",
            SIGNED_IN,
            {201: answer("The link.", obj({"key_url": KEY_URL}))},
            fails=(403, 409),
        )
    },
    "/api/me/face": {
        "delete": call(
            "Account",
            "Erase selfies, face vectors and matches in all events; the account stays",
            SIGNED_IN,
            ERASED,
            fails=(403,),
        )
    },
    "/api/me/events/{event_id}": {
        "delete": call("Account", "Leave an event", SIGNED_IN, ERASED, fails=(403, 404))
    },
    "/api/me/events/{event_id}/consent": {
        "delete": call(
            "Account",
            "Withdraw the consent for an event: what was made of the face goes, and where the "
            "gallery cannot be browsed, the caller's part in the event",
            SIGNED_IN,
            ERASED,
            fails=(403, 404),
        )
    },
    "/api/events/{code}/browse": {
        "post": call(
            "Joining",
            "See the gallery without consent and selfie, where the organiser allows it",
            ({}, *SIGNED_IN),
            {201: answer("In, signed in by cookie too.", ref("Joined"))},
            fails=(403, 404, 409, 422, 429),
            takes={
                **body(obj({"name": text("Guest, if left out.")}, optional=["name"])),
                "required": False,
            },
        )
    },
}
