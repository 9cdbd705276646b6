"""The calls that answer with a ZIP (see __init__.py)."""

from findme.web.openapi.calls import BINARY, EVENT, SIGNED_IN, answer, call, query
from findme.web.openapi.json_schema import Schema, text, whole

_HEADERS = {
    "Content-Length": {"description": "Bytes of the whole archive.", "schema": whole()},
    "Content-Disposition": {"description": "The name to save it under.", "schema": text()},
    "X-Total-Count": {"description": "How many photos are in it.", "schema": whole()},
}

ARCHIVE_PATHS: dict[str, dict[str, Schema]] = {
    "/api/my-photos.zip": {
        "get": call(
            "Photos",
            "The originals of the photos that surely show the caller, streamed",
            SIGNED_IN,
            {200: answer("A ZIP.", BINARY, media_types=["application/zip"], headers=_HEADERS)},
            fails=(404, 422),
            parameters=[EVENT, query("ids", "Only these of them, with commas between.", text())],
        )
    },
    "/api/me/export": {
        "get": call(
            "Account",
            "Everything held on the caller: account.json, selfies, photos",
            SIGNED_IN,
            {200: answer("A ZIP.", BINARY, media_types=["application/zip"], headers=_HEADERS)},
        )
    },
}
