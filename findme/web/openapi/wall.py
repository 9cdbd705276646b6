"""The calls behind the live wall (see __init__.py)."""

from findme.web.openapi.calls import ANYONE, BINARY, LIMIT, answer, call, query
from findme.web.openapi.json_schema import Schema, list_of, obj, or_null, ref, text, whole

_PHOTO = obj(
    {
        "id": text(),
        "width": whole("Pixels, upright."),
        "height": whole(),
        "taken_at": or_null(text(format="date-time")),
        "shown_at": text("Since when guests can see it.", format="date-time"),
        "placeholder": text("A colour, #rrggbb."),
        "faces": {**list_of(ref("Box")), "description": "Where faces are, never whose."},
        "preview_url": text(format="uri-reference"),
    }
)
_TOTAL = {"X-Total-Count": {"description": "Photos that guests can see.", "schema": whole()}}

WALL_PATHS: dict[str, dict[str, Schema]] = {
    "/api/wall/{token}/photos": {
        "get": call(
            "Photos",
            "What a live wall shows, the last shown first",
            ANYONE,
            {200: answer("The last shown first.", list_of(_PHOTO), headers=_TOTAL)},
            fails=(404, 422),
            parameters=[
                query(
                    "after",
                    "The last shown_at that is known; photos of the minute before come again.",
                    text(format="date-time"),
                ),
                LIMIT,
            ],
        )
    },
    "/api/wall/{token}/photos/{id}": {
        "get": call(
            "Photos",
            "A photo's preview, for a live wall",
            ANYONE,
            {
                200: answer("The picture.", BINARY, media_types=["image/jpeg"]),
                304: answer("If-None-Match named its ETag."),
            },
            fails=(404,),
        )
    },
}
