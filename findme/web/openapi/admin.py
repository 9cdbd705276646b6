"""The admins' calls of the API (see __init__.py); for anyone else they are not there: 404."""

from collections.abc import Mapping

from findme.models import JobState, Review
from findme.web.openapi.calls import (
    BEFORE,
    GONE,
    LIMIT,
    PAGE_HEADERS,
    SIGNED_IN,
    answer,
    body,
    call,
    page,
    query,
)
from findme.web.openapi.json_schema import (
    Schema,
    flag,
    list_of,
    obj,
    one_of,
    or_null,
    ref,
    text,
    whole,
)


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


def write(
    tag: str, summary: str, takes: Schema, answers: Mapping[int, Schema], *fails: int
) -> Schema:
    """Return an admin's change by a JSON body; *fails* are problems beyond the usual ones."""
    return call(tag, summary, SIGNED_IN, answers, fails=(403, 404, 422, *fails), takes=body(takes))


def ids(name: str) -> Schema:
    """Return the body that is one list of ids."""
    return obj({name: list_of(text())})


EVENT = answer("The event.", ref("Event"))
STATE = query("state", "Jobs of one state; all if left out.", one_of([*JobState]))
SWITCH = one_of(["0", "1"])
GROUP = answer("The group.", ref("Group"))
GROUPS = answer(
    "Most faces first.",
    list_of(ref("Group")),
    headers={
        **PAGE_HEADERS,
        "X-Grouping": {"description": "running or done.", "schema": text()},
        "X-Ungrouped-Faces": {"description": "How many faces are left.", "schema": whole()},
    },
)

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
    "/api/admin/events/{id}/reindex": {
        "post": change(
            "Events",
            "Build the collection anew from the stored pictures",
            {202: answer("Queued, or queued already.", obj({"job_id": text()}))},
        )
    },
    "/api/admin/events/{id}/missed-faces": {
        "get": listing("Photos", "Photos with faces that were seen and not kept", "MissedFaces")
    },
    "/api/admin/events/{id}/missed-faces/summary": {
        "get": get(
            "Photos",
            "How many faces were seen and not kept, and why",
            {200: answer("The sums.", ref("MissedSum"))},
        )
    },
    "/api/admin/photos/{id}/retry": {
        "post": write(
            "Photos",
            "Index a photo again; thorough (the default): every face, however bad",
            obj({"thorough": flag()}, optional=["thorough"]),
            {202: answer("Queued.", obj({"job_id": text()}))},
            409,
        )
    },
    "/api/admin/events/{id}/group-faces": {
        "get": call(
            "Events",
            "The faces grouped by person, the most frequent first",
            SIGNED_IN,
            {200: GROUPS},
            fails=(404, 422),
            parameters=[
                query("search", "0 asks the face engine nothing.", SWITCH | {"default": "1"}),
                query("hidden", "1 adds hidden groups at the end.", SWITCH | {"default": "0"}),
                BEFORE,
                LIMIT,
            ],
        )
    },
    "/api/admin/events/{id}/group-faces/{group_id}": {
        "get": get("Events", "A group", {200: GROUP}),
        "patch": write("Events", "Name or hide a group", ref("GroupChanges"), {200: GROUP}),
    },
    "/api/admin/events/{id}/group-faces/merge": {
        "post": write(
            "Events", "Make one group of several: the first", ids("group_ids"), {200: GROUP}, 409
        )
    },
    "/api/admin/events/{id}/group-faces/move": {
        "post": write(
            "Events",
            "Give faces to a group, or to a new one",
            obj({"face_ids": list_of(text()), "group_id": or_null(text("null: a new one."))}),
            {200: GROUP},
        )
    },
    "/api/admin/events/{id}/group-faces/{group_id}/split": {
        "post": write(
            "Events", "Make a new group of some faces of one", ids("face_ids"), {201: GROUP}
        )
    },
    "/api/admin/events/{id}/guests": {"get": listing("Events", "Guests", "Guest")},
    "/api/admin/events/{id}/guests/{user_id}": {
        "delete": change("Events", "Remove a guest, as if they had asked", GONE)
    },
    "/api/admin/events/{id}/photos": {
        "get": listing(
            "Events",
            "Photos with their state",
            "AdminPhoto",
            query("review", "Photos of one review; all if left out.", one_of([*Review])),
        )
    },
}
