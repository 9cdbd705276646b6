"""The admins' calls of the API (see openapi.py); for anyone else they are not there: 404."""

from collections.abc import Mapping

from findme.models import JobState
from findme.web.openapi_paths import BEFORE, GONE, LIMIT, SIGNED_IN, answer, body, call, page, query
from findme.web.openapi_schemas import Schema, obj, one_of, ref, text, whole


def get(tag: str, summary: str, answers: Mapping[int, Schema]) -> Schema:
    """Return an admin's read."""
    return call(tag, summary, SIGNED_IN, answers, fails=(404,))


def listing(tag: str, summary: str, item: str, *more: Schema) -> Schema:
    """Return an admin's list, page by page."""
    return call(
        tag,
        summary,
        SIGNED_IN,
        {200: page(item)},
        fails=(404, 422),
        parameters=[*more, BEFORE, LIMIT],
    )


def change(tag: str, summary: str, answers: Mapping[int, Schema]) -> Schema:
    """Return an admin's change without a body."""
    return call(tag, summary, SIGNED_IN, answers, fails=(403, 404))


def write(tag: str, summary: str, takes: Schema, answers: Mapping[int, Schema]) -> Schema:
    """Return an admin's change by a JSON body."""
    return call(tag, summary, SIGNED_IN, answers, fails=(403, 404, 422), takes=body(takes))


EVENT = answer("The event.", ref("Event"))
STATE = query("state", "Jobs of one state; all if left out.", one_of([*JobState]))
NEW_TOKEN = obj({"label": text("Up to 100 characters.")}, optional=["label"])

ADMIN_PATHS: dict[str, dict[str, Schema]] = {
    "/api/admin/queue/stats": {
        "get": get("Operating", "The service in numbers", {200: answer("Now.", ref("Stats"))})
    },
    "/api/admin/queue/jobs": {"get": listing("Operating", "Jobs", "Job", STATE)},
    "/api/admin/queue/jobs/{id}": {
        "get": get("Operating", "A job", {200: answer("The job.", ref("Job"))})
    },
    "/api/admin/queue/jobs/{id}/retry": {
        "post": change(
            "Operating", "Start a failed job afresh", {202: answer("Queued.", ref("Job"))}
        )
    },
    "/api/admin/cache/clear": {
        "post": change(
            "Operating",
            "Empty the cache",
            {200: answer("How many keys went.", obj({"cleared": whole()}))},
        )
    },
    "/api/admin/costs": {
        "get": get(
            "Operating",
            "What the face engine's calls of this month cost",
            {200: answer("So far.", ref("MonthCosts"))},
        )
    },
    "/api/admin/events": {
        "post": write("Events", "Make an event", ref("NewEvent"), {201: EVENT}),
        "get": listing("Events", "Events", "Event"),
    },
    "/api/admin/events/{id}": {
        "get": get("Events", "An event", {200: EVENT}),
        "patch": write(
            "Events", "Change the members that are sent", ref("EventChanges"), {200: EVENT}
        ),
        "delete": change("Events", "Delete an event with its photos, faces and collection", GONE),
    },
    "/api/admin/events/{id}/costs": {
        "get": get(
            "Events",
            "What an event's calls of the face engine cost",
            {200: answer("So far.", ref("EventCosts"))},
        )
    },
    "/api/admin/events/{id}/qr.svg": {
        "get": get(
            "Events",
            "The join link as a QR code",
            {200: answer("A picture.", text(), media_types=["image/svg+xml"])},
        )
    },
    "/api/admin/events/{id}/tokens": {
        "post": write(
            "Events",
            "Make an upload token for a photographer",
            NEW_TOKEN,
            {201: answer("The token, shown this once.", ref("NewUploadToken"))},
        ),
        "get": get("Events", "Upload tokens, all at once", {200: page("UploadToken")}),
    },
    "/api/admin/events/{id}/tokens/{token_id}": {
        "delete": change("Events", "Take an upload token back", GONE)
    },
    "/api/admin/events/{id}/guests": {"get": listing("Events", "Guests", "Guest")},
    "/api/admin/events/{id}/guests/{user_id}": {
        "delete": change("Events", "Remove a guest, as if they had asked", GONE)
    },
    "/api/admin/events/{id}/photos": {
        "get": listing("Events", "Photos with their state", "AdminPhoto")
    },
    "/api/admin/photos/{id}": {
        "delete": change("Events", "Delete a photo with its faces and matches", GONE)
    },
}
