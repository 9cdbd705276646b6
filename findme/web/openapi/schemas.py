"""The shapes of the API's bodies, as JSON Schema for its description (see __init__.py)."""

from findme.models import Gallery, JobKind, JobState, PhotoState, Review, Role, SelfieState, Shelf
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
from findme.web.openapi.photographers import PHOTOGRAPHER_SCHEMAS

ID = text("Opaque.")
TIME = text("RFC 3339, in UTC.", format="date-time")
SIMILARITY = number("A similarity; null: the setting's.", minimum=0, maximum=100)
RATIO = number(minimum=0, maximum=1)
SELFIE = obj({"status": one_of([SelfieState.PENDING, SelfieState.ACCEPTED])})
SELFIE_SO_FAR = obj(
    {
        "status": or_null(one_of([*SelfieState])),
        "problem": or_null(text("Why a selfie was refused after the fact: a problem's code.")),
    }
)
THRESHOLDS = {
    "match_threshold": or_null(SIMILARITY),
    "maybe_threshold": or_null(SIMILARITY),
}
CALLS: Schema = {
    "type": "object",
    "description": "Calls by operation.",
    "additionalProperties": whole(),
}
MONTH = text("As 2026-11, in UTC.")
BUDGET = or_null(number("REKOGNITION_MONTHLY_BUDGET_USD."))
PAUSED = or_null(one_of(["budget"], "Why paid calls wait."))
#: What every list of photos shows of one.
PHOTO = {
    "id": ID,
    "event_id": ID,
    "filename": text(),
    "width": whole("Pixels of the upright picture."),
    "height": whole("Pixels of the upright picture."),
    "taken_at": or_null(TIME),
    "uploaded_at": TIME,
    "faces": whole("Faces seen on it, kept by the engine or not."),
    "placeholder": text("A colour to show until the picture is there: #rrggbb."),
}

SCHEMAS: dict[str, Schema] = {
    "Problem": obj(
        {
            "type": text(const="about:blank"),
            "title": text("The status in words."),
            "status": whole(),
            "detail": text("A sentence for a person."),
            "code": text("Stable, for programs: see docs/api.md."),
            "field": text("The member that is wrong."),
            "problems": list_of(text("dark, blurred, too_small or turned_away.")),
            "results": list_of(ref("UploadResult")),
        },
        optional=["field", "problems", "results"],
    ),
    "User": obj(
        {
            "id": ID,
            "name": text(),
            "email": or_null(text("null: a link is the way in.")),
            "role": one_of([*Role]),
        }
    ),
    "Session": obj({"token": text(), "expires_at": TIME, "user": ref("User")}),
    "Joined": obj(
        {
            "token": or_null(text("null where the caller was signed in already.")),
            "user": ref("User"),
            "event": obj({"id": ID, "name": text(), "gallery": one_of([*Gallery])}),
            "selfie": obj({"status": or_null(one_of([*SelfieState], "null: without a selfie."))}),
            "key_url": or_null(
                text("The link of a guest without an e-mail; shown this once.", format="uri")
            ),
        }
    ),
    "Selfie": obj({"selfie": SELFIE}),
    "AddedSelfie": obj(
        {"selfie": obj({"id": ID, "status": one_of([SelfieState.PENDING, SelfieState.ACCEPTED])})}
    ),
    "Me": obj(
        {
            "id": ID,
            "name": text(),
            "email": or_null(text()),
            "role": one_of([*Role]),
            "user": ref("User"),
            "events": list_of(ref("JoinedEvent")),
        }
    ),
    "JoinedEvent": obj(
        {
            "id": ID,
            "name": text(),
            "gallery": one_of([*Gallery]),
            "starts_at": or_null(TIME),
            "joined_at": TIME,
            "consented": flag("Whether the caller may be looked for."),
            "selfie": SELFIE_SO_FAR,
        }
    ),
    "Box": obj({"left": RATIO, "top": RATIO, "width": RATIO, "height": RATIO}),
    "Photo": obj(
        {
            **PHOTO,
            "dated_at": {
                **TIME,
                "description": "By which lists go: taken_at, where that can be right.",
            },
            "has_face_match": flag("Whether match is not null."),
            "match": or_null(one_of([*Shelf], "How sure it is that the caller is on it.")),
            "face_box": or_null(ref("Box")),
            "favourite": flag("Whether the caller marked it."),
            "credit": or_null(text("Whose picture it is.")),
            "thumb_url": text(format="uri-reference"),
            "preview_url": text(format="uri-reference"),
            "original_url": or_null(
                text("null: the organiser has turned downloads off.", format="uri-reference")
            ),
        }
    ),
    "AdminPhoto": obj(
        {
            **PHOTO,
            "state": one_of([*PhotoState]),
            "error": or_null(text("Why it failed.")),
            "guests": whole("Guests who were found on it."),
            "review": one_of([*Review]),
            "thumb_url": or_null(text(format="uri-reference")),
            "preview_url": or_null(text(format="uri-reference")),
            "original_url": text(format="uri-reference"),
        }
    ),
    "UploadResult": obj(
        {
            "filename": text(),
            "status": one_of(["queued", "duplicate", "rejected"]),
            "photo_id": or_null(ID),
            "job_id": or_null(ID),
            "sha256": or_null(text("Of the bytes that arrived, hexadecimal.")),
            "error": or_null(text("Why it was rejected.")),
        }
    ),
    "UploadResults": obj({"results": list_of(ref("UploadResult"))}),
    "Job": obj(
        {
            "id": ID,
            "kind": one_of([*JobKind]),
            "state": one_of([*JobState]),
            "attempts": whole("Those that were interrupted do not count."),
            "filename": or_null(text()),
            "photo_id": or_null(ID),
            "event_id": or_null(ID),
            "error": or_null(text()),
            "created_at": TIME,
            "started_at": or_null(TIME),
            "finished_at": or_null(TIME),
            "history": {
                **list_of(ref("JobStep")),
                "description": "Of one job, the oldest step first.",
            },
        },
        optional=["history"],
    ),
    **PHOTOGRAPHER_SCHEMAS,
    "Guest": obj(
        {
            "id": {**ID, "description": "The user's, as user_id."},
            "user_id": ID,
            "name": text(),
            "email": or_null(text("null: a link is the way in.")),
            "joined_at": TIME,
            "selfie": SELFIE_SO_FAR,
            "photos": whole("Photos that show them for sure, hidden ones too."),
            "maybe": whole("Photos that may show them."),
        }
    ),
    "MissedFaces": obj(
        {
            "photo_id": ID,
            "filename": text(),
            "missed": list_of(
                obj(
                    {
                        "box": ref("Box"),
                        "confidence": number("0 to 100, that it is a face."),
                        "reasons": list_of(text("Rekognition's word, as LOW_SHARPNESS.")),
                    }
                )
            ),
        }
    ),
    "MissedSum": obj(
        {
            "faces": whole("One face may have several reasons."),
            "photos": whole(),
            "by_reason": {"type": "object", "additionalProperties": whole()},
        }
    ),
    "KeptSelfie": obj(
        {
            "id": ID,
            "status": one_of([*SelfieState]),
            "problem": or_null(text("Why it was refused.")),
            "created_at": TIME,
            "url": text(format="uri-reference"),
        }
    ),
    "Group": obj(
        {
            "group_id": ID,
            "guest": or_null(obj({"id": ID, "name": text()})),
            "name": or_null(text("What an admin called it.")),
            "hidden": flag(),
            "size": whole("Faces."),
            "cover_face": obj(
                {
                    "face_id": ID,
                    "photo_id": ID,
                    "box": ref("Box"),
                    "thumb_url": text(format="uri-reference"),
                    "preview_url": text(format="uri-reference"),
                }
            ),
            "photos": list_of(
                obj(
                    {
                        "id": ID,
                        "face_id": ID,
                        "face_box": ref("Box"),
                        "fixed": flag("Put there by an admin."),
                    }
                )
            ),
        }
    ),
    "GroupChanges": {
        **obj(
            {"name": or_null(text("Up to 200 characters; null: none.")), "hidden": flag()},
            optional=["name", "hidden"],
        ),
        "additionalProperties": False,
    },
    "CacheRegion": obj(
        {
            "size": whole("Keys."),
            "hits": whole(),
            "misses": whole(),
            "hit_rate": text("As 82.14%."),
        }
    ),
    "EventCosts": obj(
        {
            "calls": CALLS,
            "usd": number("What they cost, at 0.001 for each that is charged."),
            "paid": flag("Whether the engine in use charges."),
            "photos": whole(),
            "guests": whole(),
            "seed_usd": number("What 1 call a guest and 9.1 a photo would cost."),
            "saved_usd": number("The difference."),
            "by_month": list_of(obj({"month": MONTH, "calls": CALLS, "usd": number()})),
        }
    ),
    "MonthCosts": obj(
        {
            "month": MONTH,
            "calls": CALLS,
            "spent_usd": number("Of all events, those that are deleted too."),
            "budget_usd": BUDGET,
            "paid": flag("Whether the engine in use charges."),
            "paused": PAUSED,
        }
    ),
    "Stats": obj(
        {
            "queue": obj(
                {
                    "total_enqueued": whole("Jobs of all kinds, ever."),
                    "total_processed": whole(),
                    "total_failed": whole(),
                    "current_queue_size": whole("Queued or running."),
                    "workers_active": whole("Jobs that run, on all replicas."),
                    "workers": whole("Jobs at a time, in each process."),
                    "paused": flag("No job is begun."),
                    "oldest_waiting_s": number("Seconds."),
                    "per_minute": whole("Photos done in the last minute."),
                    "waiting_for_engine": whole("Jobs that found no face engine."),
                    "engine_answers": flag(),
                }
            ),
            "cache": obj(
                {"user_photos_cache": ref("CacheRegion"), "user_cache": ref("CacheRegion")}
            ),
            "rekognition": obj(
                {
                    "in_flight": whole(),
                    "limit": whole("AWS_CONCURRENT_REQUESTS."),
                    "calls": {**CALLS, "description": "By operation, since the start."},
                    "throttled": whole("Attempts; a call may have several."),
                    "errors": whole(),
                    "estimated_usd": number("What AWS would charge for these calls."),
                    "rate": {
                        "type": "object",
                        "description": "Calls a second by operation; null: no limit.",
                        "additionalProperties": or_null(number()),
                    },
                    "paused": PAUSED,
                    "paid": flag("Whether calls cost money, as those of AWS do."),
                    "month_usd": number("What this month's calls cost so far, UTC."),
                    "budget_usd": BUDGET,
                }
            ),
            "database": obj(
                {
                    "size": whole("Connections of the pool."),
                    "idle": whole(),
                    "waiting": whole("Callers that wait for one."),
                }
            ),
            "process": obj(
                {
                    "rss_mb": number("Memory of the server process."),
                    "uptime_s": number(),
                    "replicas": whole("Services that work on this database."),
                    "loop_blocked_ms": number("The longest stall of the last minute."),
                }
            ),
        }
    ),
}
