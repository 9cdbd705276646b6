"""The description of the guest list's calls (see __init__.py), for admins."""

from findme.models import SelfieState
from findme.web.openapi.admin import listing
from findme.web.openapi.calls import SIGNED_IN, answer, call, query
from findme.web.openapi.json_schema import Schema, obj, one_of, or_null, text, whole
from findme.web.openapi.schemas import ID, TIME

GUEST_LIST_SCHEMAS: dict[str, Schema] = {
    "ListedGuest": obj(
        {
            "user_id": ID,
            "name": text(),
            "email": or_null(text("null: a link is their key.")),
            "joined_at": TIME,
            "consent": obj({"at": or_null(TIME), "withdrawn_at": or_null(TIME)}),
            "selfie": obj(
                {
                    "status": or_null(one_of([*SelfieState])),
                    "problem": or_null(text("Why it was refused.")),
                    "kept": whole("How many there are; the pictures are the guest's alone."),
                }
            ),
            "photos": obj({"sure": whole(), "maybe": whole()}),
        }
    ),
}

GUEST_LIST_PATHS: dict[str, dict[str, Schema]] = {
    "/api/admin/events/{id}/guest-list": {
        "get": listing(
            "Events",
            "Guests with what was found of them",
            "ListedGuest",
            query("q", "Part of the name or the e-mail address.", text()),
        )
    },
    "/api/admin/users/{id}/key-link": {
        "post": call(
            "Events",
            "A new link for a guest without an e-mail address; the old one ends",
            SIGNED_IN,
            {201: answer("Shown this once.", obj({"key_url": text(format="uri")}))},
            fails=(403, 404, 409),
        )
    },
}
