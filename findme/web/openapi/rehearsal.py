"""The description of the rehearsal's calls (see __init__.py), for admins."""

from findme.web.openapi.admin import get
from findme.web.openapi.calls import BINARY, SIGNED_IN, answer, call, query
from findme.web.openapi.json_schema import (
    Schema,
    list_of,
    number,
    obj,
    one_of,
    or_null,
    text,
    whole,
)
from findme.web.openapi.schemas import ID

SIMILARITY = number("0 to 100.")
URL = text(format="uri-reference")
NEAR = one_of(["sure", "maybe"])

REHEARSAL_SCHEMAS: dict[str, Schema] = {
    "Rehearsal": obj(
        {
            "sure": SIMILARITY,
            "maybe": SIMILARITY,
            "floor": number("Matches are stored from here on."),
            "own": obj(
                {"match_threshold": or_null(SIMILARITY), "maybe_threshold": or_null(SIMILARITY)}
            ),
            "tally": obj(
                {
                    "sure": whole("Pairs of guest and photo that the guest said nothing of."),
                    "maybe": whole(),
                    "confirmed_sure": whole("Pairs of which the guest said that's me."),
                    "confirmed_maybe": whole(),
                    "refused_sure": whole("Pairs of which the guest said that's not me."),
                    "refused_maybe": whole(),
                }
            ),
            "steps": list_of(
                obj(
                    {
                        "similarity": whole("Counted are the pairs from here on."),
                        "pairs": whole(),
                        "confirmed": whole(),
                        "refused": whole(),
                    }
                )
            ),
            "near": NEAR,
            "borders": list_of(
                obj(
                    {
                        "user_id": ID,
                        "name": text(),
                        "photo_id": ID,
                        "similarity": SIMILARITY,
                        "face_url": URL,
                        "beside_url": or_null(text("A face that surely is the guest's.")),
                    }
                )
            ),
        }
    ),
}

REHEARSAL_PATHS: dict[str, dict[str, Schema]] = {
    "/api/admin/events/{id}/rehearsal": {
        "get": call(
            "Events",
            "What guests would see at other thresholds, and the pairs nearest to one",
            SIGNED_IN,
            {200: answer("The rehearsal.", {"$ref": "#/components/schemas/Rehearsal"})},
            fails=(404, 422),
            parameters=[
                query("sure", "What the event has, if left out.", SIMILARITY),
                query("maybe", "What the event has, if left out.", SIMILARITY),
                query("near", "Which threshold the pairs are near.", NEAR),
            ],
        )
    },
    "/api/admin/faces/{id}.jpg": {
        "get": get(
            "Photos",
            "A face cut out of its photo",
            {200: answer("A square picture.", BINARY, media_types=["image/jpeg"])},
        )
    },
}
