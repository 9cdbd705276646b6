"""The calls about one photo: hearts of guests, and what they report (see __init__.py)."""

from findme.gallery.reports import Reason
from findme.web.openapi.calls import BEFORE, GONE, LIMIT, SIGNED_IN, answer, body, call, page, query
from findme.web.openapi.json_schema import Schema, obj, one_of, or_null, text
from findme.web.openapi.schemas import ID, TIME

REASON = one_of([*Reason])

KEEPSAKE_SCHEMAS: dict[str, Schema] = {
    "Report": obj(
        {
            "id": ID,
            "photo_id": ID,
            "filename": text(),
            "reason": REASON,
            "note": text(),
            "created_at": TIME,
            "settled_at": or_null(TIME),
            "guest": or_null(obj({"id": ID, "name": text()})),
            "thumb_url": text(format="uri-reference"),
            "preview_url": text(format="uri-reference"),
        }
    ),
}

KEEPSAKE_PATHS: dict[str, dict[str, Schema]] = {
    "/api/photos/{id}/favourite": {
        "put": call("Photos", "Mark a photo with a heart", SIGNED_IN, GONE, fails=(403, 404)),
        "delete": call("Photos", "Take that back", SIGNED_IN, GONE, fails=(403, 404)),
    },
    "/api/photos/{id}/report": {
        "post": call(
            "Photos",
            "Ask the organiser to look at a photo; said again, it replaces what was said before",
            SIGNED_IN,
            {201: answer("Noted.", obj({"id": ID}))},
            fails=(403, 404, 422),
            takes=body(
                obj({"reason": REASON, "note": text("Up to 1000 characters.")}, optional=["note"])
            ),
        )
    },
    "/api/admin/events/{id}/reports": {
        "get": call(
            "Events",
            "What guests reported of an event's photos",
            SIGNED_IN,
            {200: page("Report")},
            fails=(404, 422),
            parameters=[
                query("state", "", one_of(["open", "settled"]) | {"default": "open"}),
                BEFORE,
                LIMIT,
            ],
        )
    },
    "/api/admin/events/{id}/reports/{report_id}/settle": {
        "post": call("Events", "Note that it was dealt with", SIGNED_IN, GONE, fails=(403, 404))
    },
}
