"""The photographers' calls beyond plain uploads, and their tokens (see __init__.py)."""

from findme.web.openapi.admin import change, listing, write
from findme.web.openapi.calls import BINARY, GONE, UPLOADER, answer, body, call, query
from findme.web.openapi.json_schema import Schema, list_of, obj, or_null, ref, text, whole

HASH = text("SHA-256, hexadecimal.", pattern="^[0-9a-fA-F]{64}$")
RECEIVED = whole("Bytes that are there, from the first one on.")
UPLOAD_TOKEN: tuple[Schema, ...] = ({"uploadToken": []},)


def by_hash(meaning: str) -> Schema:
    """Return the schema of an object that names hashes."""
    return {"type": "object", "additionalProperties": text(meaning)}


UPLOADING_PATHS: dict[str, dict[str, Schema]] = {
    "/api/events/{event_id}/photos/known": {
        "post": call(
            "Uploading",
            "Which of these bytes the event has already",
            UPLOADER,
            {
                200: answer(
                    "Those it has.",
                    obj(
                        {
                            "known": by_hash("Photo id."),
                            "pending": list_of(HASH),
                            "failed": by_hash("Why the picture cannot be read."),
                        }
                    ),
                )
            },
            fails=(403, 404, 422),
            takes=body(obj({"hashes": {**list_of(HASH), "maxItems": 1000}})),
        )
    },
    "/api/events/{event_id}/uploads/{sha256}": {
        "get": call(
            "Uploading",
            "Where an upload that broke off goes on",
            UPLOADER,
            {
                200: answer(
                    "So far.", obj({"received": RECEIVED, "photo_id": or_null(text("Photo id."))})
                )
            },
            fails=(404, 422),
        ),
        "put": call(
            "Uploading",
            "Upload a file that is named by its hash, or what is missing of it",
            UPLOADER,
            {
                200: answer("The file is not complete yet.", obj({"received": RECEIVED})),
                202: answer("Bytes and job are on disk.", ref("UploadResults")),
            },
            fails=(403, 404, 409, 413, 422, 503),
            parameters=[
                query("filename", "The name of the file.", text()),
                {
                    "name": "Content-Range",
                    "in": "header",
                    "description": "`bytes first-last/total`, where it is not the whole file; "
                    "`bytes */total` where all is there.",
                    "schema": text(),
                },
            ],
            takes={"required": True, "content": {"image/*": {"schema": BINARY}}},
        ),
    },
    "/api/upload-token": {
        "get": call(
            "Uploading",
            "What the token is good for",
            UPLOAD_TOKEN,
            {200: answer("Its event and its photographer.", ref("OwnToken"))},
            fails=(404,),
        )
    },
    "/api/upload-token/report": {
        "post": call(
            "Uploading",
            "Tell how far the watcher is",
            UPLOAD_TOKEN,
            GONE,
            fails=(404, 422),
            takes=body(ref("WatcherReport")),
        )
    },
    "/api/admin/events/{id}/tokens": {
        "post": write(
            "Events",
            "Make an upload token for a photographer",
            ref("TokenChanges"),
            {201: answer("The token, shown this once.", ref("NewUploadToken"))},
        ),
        "get": listing("Events", "Upload tokens", "UploadToken"),
    },
    "/api/admin/events/{id}/tokens/{token_id}": {
        "patch": write(
            "Events",
            "Change the photographer's name or clock, on the photos that came already as well",
            ref("TokenChanges"),
            {200: answer("The token.", ref("UploadToken"))},
        ),
        "delete": change("Events", "Take an upload token back", GONE),
    },
}
