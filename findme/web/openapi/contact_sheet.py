"""The description of the contact sheet's calls (see __init__.py), all for admins."""

from findme.gallery.contact_sheet import View
from findme.models import JobKind, JobState, PhotoState, Review, Shelf
from findme.web.openapi.admin import change, get, ids, listing, write
from findme.web.openapi.calls import BINARY, GONE, SIGNED_IN, answer, call, query
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
from findme.web.openapi.schemas import ID, PHOTO, TIME

SHEET_PHOTO = {
    **PHOTO,
    "credit": or_null(text("The photographer.")),
    "state": one_of([*PhotoState]),
    "error": or_null(text("Why it failed.")),
    "review": one_of([*Review]),
    "visible": flag("Whether guests may see it."),
    "missed": whole("Faces that were seen and not kept."),
    "guests": whole("Guests who were found on it."),
    "thumb_url": or_null(text(format="uri-reference")),
    "preview_url": or_null(text(format="uri-reference")),
    "original_url": text(format="uri-reference"),
}

WORK = {
    "id": ID,
    "kind": one_of([*JobKind]),
    "state": one_of([*JobState]),
    "attempts": whole("Those that were interrupted do not count."),
    "filename": text(),
    "photo_id": ID,
    "event_id": ID,
    "error": or_null(text()),
    "created_at": TIME,
    "started_at": or_null(TIME),
    "finished_at": or_null(TIME),
}

SHEET_SCHEMAS: dict[str, Schema] = {
    "SheetPhoto": obj(SHEET_PHOTO),
    "ClosePhoto": obj(
        {
            **SHEET_PHOTO,
            "on_it": list_of(
                obj(
                    {
                        "face_id": ID,
                        "box": ref("Box"),
                        "confidence": number("0 to 100, that it is a face."),
                        "group_id": or_null(ID),
                        "group_name": or_null(text("What an admin called the group.")),
                    }
                )
            ),
            "shows": list_of(
                obj(
                    {
                        "user_id": ID,
                        "name": text(),
                        "match": or_null(one_of([*Shelf], "null: the guest says it is not them.")),
                        "says": or_null(one_of(["me", "not_me"])),
                        "similarity": or_null(number("0 to 100.")),
                        "face_id": or_null(ID),
                    }
                )
            ),
            "missed_faces": list_of(
                obj({"box": ref("Box"), "confidence": number(), "reasons": list_of(text())})
            ),
            "jobs": list_of(obj({**WORK, "thorough": flag("However bad the faces are.")})),
        }
    ),
}

VIEW = query("view", "", one_of([*View]) | {"default": str(View.ALL)})
IDS_AND_CARE = {"ids": list_of(text()), "thorough": flag("false if left out.")}

SHEET_PATHS: dict[str, dict[str, Schema]] = {
    "/api/admin/events/{id}/contact-sheet": {
        "get": listing("Photos", "An event's photos by state", "SheetPhoto", VIEW)
    },
    "/api/admin/events/{id}/contact-sheet/counts": {
        "get": get(
            "Photos",
            "How many photos each view has",
            {200: answer("By view.", obj({str(view): whole() for view in View}))},
        )
    },
    "/api/admin/events/{id}/contact-sheet.zip": {
        "get": call(
            "Photos",
            "The originals of chosen photos, as a ZIP",
            SIGNED_IN,
            {200: answer("The archive.", BINARY, media_types=["application/zip"])},
            fails=(404,),
            parameters=[query("ids", "Ids with commas between.", text())],
        )
    },
    "/api/admin/photos/delete": {
        "post": write(
            "Photos",
            "Delete up to 1000 photos with their faces and matches",
            ids("ids"),
            {200: answer("Those that were there.", obj({"deleted": list_of(text())}))},
        )
    },
    "/api/admin/photos/retry": {
        "post": write(
            "Photos",
            "Index up to 1000 photos again; thorough: every face, however bad",
            obj(IDS_AND_CARE, optional=["thorough"]),
            {202: answer("Those that were not in work.", obj({"queued": list_of(text())}))},
        )
    },
    "/api/admin/photos/{id}": {
        "get": get(
            "Photos",
            "A photo closely: its faces, whom it shows, what was missed, its jobs",
            {200: answer("The photo.", ref("ClosePhoto"))},
        ),
        "delete": change("Photos", "Delete a photo with its faces and matches", GONE),
    },
}
