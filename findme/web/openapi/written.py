"""The API describes itself: /api/openapi.json for programs, /api/docs for people.

Written by hand, as data: schemas.py has the shapes, paths.py and the nouns beside it the calls,
in the terms of words.py and calls.py. A test holds it against the routes, so a new route needs its
line here.
"""

import re
from typing import Any

import findme
from findme.web.openapi.account import ACCOUNT_PATHS, ACCOUNT_SCHEMAS
from findme.web.openapi.admin import ADMIN_PATHS
from findme.web.openapi.archive import ARCHIVE_PATHS
from findme.web.openapi.calls import FAILURES, RETRY_AFTER, RETRY_LATER, answer
from findme.web.openapi.contact_sheet import SHEET_PATHS, SHEET_SCHEMAS
from findme.web.openapi.desk import DESK_PATHS, DESK_SCHEMAS
from findme.web.openapi.events import EVENT_PATHS, EVENT_SCHEMAS
from findme.web.openapi.guest_list import GUEST_LIST_PATHS, GUEST_LIST_SCHEMAS
from findme.web.openapi.json_schema import Schema, ref, text
from findme.web.openapi.messages import MESSAGE_PATHS
from findme.web.openapi.operations import OPERATIONS_PATHS, OPERATIONS_SCHEMAS
from findme.web.openapi.paths import PATHS
from findme.web.openapi.photo_actions import KEEPSAKE_PATHS, KEEPSAKE_SCHEMAS
from findme.web.openapi.rehearsal import REHEARSAL_PATHS, REHEARSAL_SCHEMAS
from findme.web.openapi.schemas import SCHEMAS
from findme.web.openapi.uploading import UPLOADING_PATHS
from findme.web.openapi.wall import WALL_PATHS

TAGS = {
    "Joining": "From the code on the table to the first photo.",
    "Account": "What a signed-in person may do with what is theirs.",
    "Photos": "Lists and bytes, for guests.",
    "Uploading": "For photographers, with an upload token, and for admins.",
    "Events": "For admins.",
    "Operating": "For admins: the queue and the cache.",
    "Service": "For probes and programs.",
}
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of POST /api/auth/login or of joining.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "findme_session",
        "description": "The same session; what it changes needs a same-origin proof "
        "(Sec-Fetch-Site, Origin or Referer).",
    },
    "uploadToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A photographer's token: uploads to one event, and nothing else.",
    },
}


def merge(derived: dict[str, Any]) -> dict[str, Any]:
    """Return the description with the calls that are not described beside their handlers yet."""
    written: Any = document()
    for path, calls in written["paths"].items():
        for call in calls.values():
            if isinstance(call, dict):
                call.setdefault("x-callers", "Anyone")
        derived["paths"].setdefault(path, {}).update(
            {name: call for name, call in calls.items() if name not in derived["paths"][path]}
        )
    for kind in ("schemas", "responses"):
        for name, shape in written["components"][kind].items():
            derived["components"][kind].setdefault(name, shape)
    return derived


def document() -> Schema:
    """Return the description, OpenAPI 3.1."""
    paths = {**PATHS, **ARCHIVE_PATHS, **WALL_PATHS, **UPLOADING_PATHS, **ADMIN_PATHS}
    paths |= SHEET_PATHS | GUEST_LIST_PATHS | REHEARSAL_PATHS
    paths |= OPERATIONS_PATHS
    paths |= MESSAGE_PATHS
    paths |= {**ACCOUNT_PATHS, **KEEPSAKE_PATHS}
    paths |= EVENT_PATHS | DESK_PATHS
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FindMe",
            "version": findme.__version__,
            "summary": "Each guest of an event gets the photos they are in.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": {path: _with_path_parameters(path, calls) for path, calls in paths.items()},
        "components": {
            "schemas": {
                **SCHEMAS,
                **OPERATIONS_SCHEMAS,
                **DESK_SCHEMAS,
                **ACCOUNT_SCHEMAS,
                **KEEPSAKE_SCHEMAS,
                **EVENT_SCHEMAS,
                **SHEET_SCHEMAS,
                **GUEST_LIST_SCHEMAS,
                **REHEARSAL_SCHEMAS,
            },
            "responses": {
                "Problem": _problem("Any other failure."),
                **{
                    f"Problem{status}": _problem(about, status)
                    for status, about in FAILURES.items()
                },
            },
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _with_path_parameters(path: str, calls: dict[str, Schema]) -> Schema:
    """Add what the path itself names: every `{name}` in it is an id or a code."""
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": text()}
        for name in re.findall(r"{(\w+)}", path)
    ]
    return {**({"parameters": parameters} if parameters else {}), **calls}


def _problem(description: str, status: int | None = None) -> Schema:
    return answer(
        description,
        ref("Problem"),
        media_types=["application/problem+json"],
        headers=RETRY_AFTER if status in RETRY_LATER else None,
    )
