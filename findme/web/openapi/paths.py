"""The calls of the API: who may make them, what they take and answer (see __init__.py)."""

from findme.models import Shelf
from findme.web.openapi.account import ERASED, PATCH_ME
from findme.web.openapi.calls import (
    ANYONE,
    BEFORE,
    BINARY,
    EVENT,
    GONE,
    LIMIT,
    PICTURE_TYPES,
    SIGNED_IN,
    SIZE,
    UPLOADER,
    answer,
    body,
    call,
    page,
    query,
)
from findme.web.openapi.json_schema import Schema, list_of, obj, one_of, ref, text

SELFIE_FORM = {"selfie": BINARY}
SHELF = one_of([*Shelf, "favourites"]) | {"default": str(Shelf.SURE)}
JOIN_FORM = obj(
    {
        "name": text(),
        "email": text(),
        "password": text("8 to 1024 characters."),
        "consent": text(const="yes"),
        "consent_text": text("The sentence that was agreed to, as shown."),
        "language": text("Its language; that of Accept-Language if left out."),
        "attempt": text(
            "20 to 100 letters, digits, - and _, at random, where a name is enough: the same form"
            " sent again with them is the same guest.",
        ),
        **SELFIE_FORM,
    },
    optional=["name", "email", "password", "consent_text", "language", "attempt"],
)
FACE = {
    **body(obj({"face_id": text("Which face it is.")}, optional=["face_id"])),
    "required": False,
}
FILES_FORM = obj({"files": list_of(BINARY)})

PICTURE = call(
    "Photos",
    "The bytes of a photo",
    SIGNED_IN,
    {
        200: answer("The picture.", BINARY, media_types=PICTURE_TYPES),
        206: answer("The bytes that Range asked for.", BINARY, media_types=PICTURE_TYPES),
        304: answer("If-None-Match named its ETag."),
    },
    fails=(404, 416, 422),
    parameters=[SIZE],
)

PATHS: dict[str, dict[str, Schema]] = {
    "/healthz": {
        "get": call(
            "Service",
            "Alive",
            ANYONE,
            {200: answer("It is.", obj({"status": text(const="ok")}))},
        )
    },
    "/readyz": {
        "get": call(
            "Service",
            "Able to serve",
            ANYONE,
            {
                status: answer(
                    description,
                    obj(
                        {
                            "status": one_of(["ok", "unavailable"]),
                            "database": one_of(["ok", "unreachable"]),
                            "face_engine": one_of(["ok", "paused", "unreachable"]),
                        }
                    ),
                )
                for status, description in ((200, "It is."), (503, "It is not, and why."))
            },
        )
    },
    "/api/openapi.json": {
        "get": call(
            "Service", "This description", ANYONE, {200: answer("OpenAPI 3.1.", {"type": "object"})}
        )
    },
    "/api/docs": {
        "get": call(
            "Service",
            "This description, to read",
            ANYONE,
            {200: answer("A page.", text(), media_types=["text/html"])},
        )
    },
    "/api/auth/login": {
        "post": call(
            "Account",
            "Sign in",
            ANYONE,
            {200: answer("The session, in a cookie as well.", ref("Session"))},
            fails=(401, 422, 429),
            takes=body(obj({"email": text(), "password": text()})),
        )
    },
    "/api/auth/logout": {
        "post": call("Account", "End the session", SIGNED_IN, GONE, fails=(403,)),
    },
    "/api/events/{code}": {
        "get": call(
            "Joining",
            "What a join page shows",
            ANYONE,
            {200: answer("The event.", ref("PublicEvent"))},
            fails=(404,),
        )
    },
    "/api/events/{code}/join": {
        "post": call(
            "Joining",
            "Join with a selfie; a signed-in user sends consent and selfie alone",
            ({}, *SIGNED_IN),
            {201: answer("In, signed in by cookie too.", ref("Joined"))},
            fails=(403, 404, 409, 413, 422, 429),
            takes=body(JOIN_FORM, "multipart/form-data"),
        )
    },
    "/api/events/{id}/stream": {
        "get": call(
            "Photos",
            "Server-sent events: `photo` {id, mine} for what is new to the caller, `progress` "
            "{queued, done} where it changed; Last-Event-ID resumes",
            SIGNED_IN,
            {
                200: answer(
                    "Until either side ends it.", text(), media_types=["text/event-stream"]
                ),
                204: answer("It gave way to younger streams of the account: come back no more."),
            },
            fails=(404,),
        )
    },
    "/api/me": {
        "get": call(
            "Account", "The caller and their events", SIGNED_IN, {200: answer("Me.", ref("Me"))}
        ),
        "patch": PATCH_ME,
        "delete": call(
            "Account",
            "Erase account, selfies, face vectors and matches",
            SIGNED_IN,
            ERASED,
            fails=(403,),
        ),
    },
    "/api/me/events/{event_id}/selfie": {
        "put": call(
            "Account",
            "Another selfie; the last good one counts until this one is accepted",
            SIGNED_IN,
            {200: answer("Taken.", ref("Selfie"))},
            fails=(403, 404, 413, 422, 429),
            takes=body(obj(SELFIE_FORM), "multipart/form-data"),
        )
    },
    "/api/me/events/{event_id}/selfies": {
        "get": call(
            "Account",
            "My selfies, newest first",
            SIGNED_IN,
            {200: answer("Up to five.", list_of(ref("KeptSelfie")))},
            fails=(404,),
        ),
        "post": call(
            "Account",
            "One more selfie, beside the others: up to five",
            SIGNED_IN,
            {201: answer("Taken.", ref("AddedSelfie"))},
            fails=(403, 404, 409, 413, 422, 429),
            takes=body(obj(SELFIE_FORM), "multipart/form-data"),
        ),
    },
    "/api/me/events/{event_id}/selfies/{selfie_id}": {
        "get": call(
            "Account",
            "The picture of a selfie",
            SIGNED_IN,
            {
                200: answer("The picture.", BINARY, media_types=PICTURE_TYPES),
                206: answer("The bytes that Range asked for.", BINARY, media_types=PICTURE_TYPES),
                304: answer("If-None-Match named its ETag."),
            },
            fails=(404, 416),
        ),
        "delete": call(
            "Account",
            "Remove a selfie, with what was found from it",
            SIGNED_IN,
            GONE,
            fails=(403, 404, 409),
        ),
    },
    "/api/my-photos": {
        "get": call(
            "Photos",
            "The photos that show the caller",
            SIGNED_IN,
            {200: page("Photo")},
            fails=(404, 422),
            parameters=[
                EVENT,
                query("shelf", "How sure, or what the caller marked.", SHELF),
                BEFORE,
                LIMIT,
            ],
        )
    },
    "/api/all-photos": {
        "get": call(
            "Photos",
            "All photos of an event the caller joined",
            SIGNED_IN,
            {200: page("Photo")},
            fails=(403, 404, 422),
            parameters=[EVENT, BEFORE, LIMIT],
        )
    },
    "/api/photo/{id}": {"get": PICTURE},
    "/api/image/{id}": {
        "get": {**PICTURE, "summary": "The same under its older name", "deprecated": True}
    },
    "/api/photos/{id}/me": {
        "post": call(
            "Photos",
            "That's me: the match is sure, and helps to find further ones",
            SIGNED_IN,
            GONE,
            fails=(403, 404, 422),
            takes=FACE,
        ),
        "delete": call("Photos", "Take that back", SIGNED_IN, GONE, fails=(403, 404, 422)),
    },
    "/api/photos/{id}/not-me": {
        "post": call(
            "Photos",
            "That's not me: the match is put aside, for good",
            SIGNED_IN,
            GONE,
            fails=(403, 404, 422),
        ),
        "delete": call("Photos", "Take that back", SIGNED_IN, GONE, fails=(403, 404, 422)),
    },
    "/api/events/{event_id}/photos": {
        "post": call(
            "Uploading",
            "Upload photos: parts named files, or one picture as the body",
            UPLOADER,
            {
                202: answer(
                    "At least one was taken: bytes and job are on disk.", ref("UploadResults")
                )
            },
            fails=(403, 404, 409, 413, 422, 503),
            parameters=[query("filename", "The name of a raw body.", text())],
            takes={
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": FILES_FORM},
                    "image/*": {"schema": BINARY},
                },
            },
        )
    },
    "/api/jobs/{job_id}": {
        "get": call(
            "Uploading",
            "A job: for an upload token its own uploads, for an admin any",
            UPLOADER,
            {200: answer("The job.", ref("Job"))},
            fails=(404,),
        )
    },
}
