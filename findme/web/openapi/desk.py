"""The calls and shapes of the desk."""

from findme.web.openapi.admin import get
from findme.web.openapi.calls import answer
from findme.web.openapi.json_schema import (
    Schema,
    flag,
    list_of,
    number,
    obj,
    one_of,
    or_null,
    ref,
    text,
    whole,
)

_ID = text("Opaque.")
_TIME = text(format="date-time")
_TAG = "Operating"
_SECONDS = or_null(number("Seconds; null: no photo within the hour."))

DESK_SCHEMAS: dict[str, Schema] = {
    "DeskAlert": obj(
        {
            "kind": one_of(
                (
                    "engine",
                    "stuck",
                    "budget",
                    "disk",
                    "database",
                    "silent",
                    "failing",
                    "expiring",
                )
            ),
            "since": text("Since when it holds; of an event: when it ends.", format="date-time"),
            "name": or_null(text("The photographer, the event.")),
            "event_id": or_null(_ID),
            "number": or_null(number("Photos, failed jobs, seconds or bytes, by kind.")),
        }
    ),
    "Photographer": obj(
        {
            "id": text("The upload token's."),
            "name": text(),
            "event_id": _ID,
            "event_name": text(),
            "clock_offset_s": whole("Added to the times of the camera."),
            "last_used_at": or_null(_TIME),
            "reported_at": or_null(_TIME),
            "ago_s": or_null(number("Since the last report.")),
            "silent": flag("Photos were left to send, and nothing is heard any more."),
            "per_minute": number("Photos that became ready, over five minutes."),
            "backlog": whole("Photos left to send."),
            "sent": whole(),
            "errors": whole(),
            "refused": whole(),
            "bytes_per_s": or_null(number()),
            "last_error": or_null(text()),
            "ahead_s": or_null(number("By how much the computer's clock is ahead of ours.")),
        }
    ),
    "Desk": obj(
        {
            "at": text("When it was looked at.", format="date-time"),
            "stats": ref("Stats"),
            "gallery": obj(
                {
                    "photos": whole("Ready within the last hour."),
                    "by_camera": whole("Of them, counted from the shutter, not the upload."),
                    "median_s": _SECONDS,
                    "p95_s": _SECONDS,
                    "per_minute": list_of(whole("Photos of one minute, the oldest first.")),
                    "event": or_null({"type": "object"}),
                    "events": list_of({"type": "object"}),
                }
            ),
            "empty_in_s": or_null(number("Until the queue is empty, at this minute's pace.")),
            "work": {"type": "object", "description": "Running and failed jobs."},
            "photographers": list_of(ref("Photographer")),
            "calls": list_of(whole("Calls of this service in one minute, the oldest first.")),
            "hit_rates": list_of(number("Lists from the cache in one minute, per cent.")),
            "machine": {"type": "object", "description": "Memory, disk, connections."},
            "alerts": list_of(ref("DeskAlert")),
        }
    ),
}

DESK_PATHS: dict[str, dict[str, Schema]] = {
    "/api/admin/desk": {
        "get": get(_TAG, "The evening at a glance", {200: answer("The desk.", ref("Desk"))})
    },
    "/api/admin/events/{id}/photographers": {
        "get": get(
            "Events",
            "The computers that send photos of an event",
            {200: answer("Silent ones first.", list_of(ref("Photographer")))},
        )
    },
}
