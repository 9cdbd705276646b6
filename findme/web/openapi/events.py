"""Events in the description of the API: what is decided for one, its looks, its photos' review."""

from findme.models import Accounts, DownloadSize, Gallery, Publish, Review
from findme.web.openapi.admin import change, get, write
from findme.web.openapi.calls import BINARY, GONE, PICTURE_TYPES, SIGNED_IN, answer, body, call
from findme.web.openapi.json_schema import Schema, flag, list_of, obj, one_of, or_null, text, whole
from findme.web.openapi.schemas import ID, THRESHOLDS, TIME

_URL = text(format="uri-reference")
_COVER_URL = {**or_null(_URL), "description": "null where there is no cover."}
_ACCOUNTS = one_of([*Accounts], "Whether joining needs e-mail and password, or only a name.")
_BROWSE = flag("Whether the gallery opens without consent and selfie, where it is everyone's.")
_ACCENT = or_null(text("#rrggbb, for the guests' buttons.", pattern="^#[0-9a-fA-F]{6}$"))
_CLOSES = or_null({**TIME, "description": "From then on nobody joins and nothing is uploaded."})

#: What an admin decides.
CHOICES: dict[str, Schema] = {
    "name": text("1 to 200 characters."),
    "starts_at": or_null(TIME),
    "closes_at": _CLOSES,
    "expires_at": or_null({**TIME, "description": "When the event is deleted by itself."}),
    "time_zone": or_null(text("As Europe/Paris: what cameras without a zone are read in.")),
    "gallery": one_of([*Gallery], "Whether guests see all photos, or only their own."),
    "join_open": flag("Whether guests may still join."),
    "accounts": _ACCOUNTS,
    "browse": _BROWSE,
    "publish": one_of([*Publish], "Whether guests see photos at once, or after approval."),
    "downloads": flag("Whether guests may take photos home."),
    "download_size": one_of([*DownloadSize], "What they take: large has at most 2,000 pixels."),
    "watermark": or_null(text("On previews and downloads.", maxLength=60)),
    "accent": _ACCENT,
    **THRESHOLDS,
    "wall": flag("Whether there is a live wall; its address changes each time that it is made."),
}
EVENT_SCHEMAS: dict[str, Schema] = {
    "PublicEvent": obj(
        {
            "name": text(),
            "starts_at": or_null(TIME),
            "expires_at": or_null(TIME),
            "closes_at": _CLOSES,
            "join_open": flag(),
            "accounts": _ACCOUNTS,
            "browse": _BROWSE,
            "accent": _ACCENT,
            "cover_url": _COVER_URL,
        }
    ),
    "Event": obj(
        {
            "id": ID,
            "code": text("8 characters; what guests type."),
            **CHOICES,
            "wall_url": or_null(text(format="uri")),
            "join_url": text("What the QR code holds.", format="uri"),
            "cover_url": _COVER_URL,
            "created_at": TIME,
            "counts": obj(
                {"photos": whole(), "guests": whole(), "faces": whole(), "matches": whole()}
            ),
        }
    ),
    "NewEvent": {
        **obj(CHOICES, optional=[name for name in CHOICES if name != "name"]),
        "additionalProperties": False,
    },
    "EventChanges": {**obj(CHOICES, optional=[*CHOICES]), "additionalProperties": False},
}
EVENT_PATHS: dict[str, dict[str, Schema]] = {
    "/api/admin/events/{id}/qr.png": {
        "get": get(
            "Events",
            "The join link as a QR code in pixels",
            {200: answer("A picture.", BINARY, media_types=["image/png"])},
        )
    },
    "/api/admin/events/{id}/cover": {
        "put": call(
            "Events",
            "Give an event a cover picture, as the body or in a form",
            SIGNED_IN,
            {200: answer("Where it is.", obj({"cover_url": _URL}))},
            fails=(403, 404, 413, 415, 422),
            takes=body(BINARY, *PICTURE_TYPES, "multipart/form-data"),
        ),
        "delete": change("Events", "Take the cover away", GONE),
    },
    "/api/admin/photos/review": {
        "post": write(
            "Photos",
            "Show, hide or hold back photos: all of them or none",
            obj({"ids": list_of(text()), "review": one_of([*Review])}),
            {
                200: answer(
                    "Those that were otherwise, and those of all that guests see now.",
                    obj({"changed": list_of(text()), "visible": list_of(text())}),
                )
            },
        )
    },
}
