"""The shapes of JSON that several nouns share: structs and the types of their members.

An answer is made of such structs, encoded in the order of their members, and the API's description
is derived from them (see openapi/). Shapes of one noun stand beside its handlers.
"""

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from findme import models
from findme.db import Record
from findme.models import JobKind, JobState, Role, SelfieState
from findme.web.responses import id_text, time_text

Id: TypeAlias = Annotated[str, Meta(description="Opaque.")]
Time: TypeAlias = Annotated[
    str, Meta(description="RFC 3339, in UTC.", extra_json_schema={"format": "date-time"})
]
#: A link that stands alone.
Url: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
#: A path of this server.
Path: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
Ratio: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Similarity: TypeAlias = Annotated[float, Meta(description="0 to 100.", ge=0, le=100)]
#: A part of a form that is a file.
File: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
Colour: TypeAlias = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")]


#: The colour of a photo until its picture is loaded.
Placeholder: TypeAlias = Annotated[
    str, Meta(description="A colour to show until the picture is there: #rrggbb.")
]
Faces: TypeAlias = Annotated[int, Meta(description="Faces seen on it, kept by the engine or not.")]


class UploadResult(Struct, frozen=True):
    """The result of one file."""

    filename: str
    status: Annotated[str, Meta(extra_json_schema={"enum": ["queued", "duplicate", "rejected"]})]
    photo_id: Id | None
    job_id: Id | None
    sha256: Annotated[str | None, Meta(description="Of the bytes that arrived, hexadecimal.")]
    error: Annotated[str | None, Meta(description="Why it was rejected.")]


class UploadResults(Struct, frozen=True):
    """The results of the files of an upload."""

    results: list[UploadResult]


class Problem(Struct, frozen=True, kw_only=True):
    """A failure, as RFC 9457 has it."""

    type: Annotated[str, Meta(extra_json_schema={"const": "about:blank"})]
    title: Annotated[str, Meta(description="The status in words.")]
    status: int
    detail: Annotated[str, Meta(description="A sentence for a person.")]
    code: Annotated[str, Meta(description="Stable, for programs: see docs/api.md.")]
    field: Annotated[str | UnsetType, Meta(description="The member that is wrong.")] = UNSET
    problems: Annotated[
        list[str] | UnsetType, Meta(description="dark, blurred, too_small or turned_away.")
    ] = UNSET
    results: Annotated[
        list[UploadResult] | UnsetType, Meta(description="Of an upload, one for each file.")
    ] = UNSET
    received: Annotated[
        int | UnsetType, Meta(description="Bytes that are there: an upload goes on after them.")
    ] = UNSET


class Box(Struct, frozen=True):
    """Where a face is, in ratios of the picture's width and height."""

    left: Ratio
    top: Ratio
    width: Ratio
    height: Ratio


def box_of(box: models.Box) -> Box:
    """Return a box to a ten-thousandth of the picture."""
    return Box(round(box.left, 4), round(box.top, 4), round(box.width, 4), round(box.height, 4))


def read_box(row: Record) -> models.Box:
    """Return the box in a row's box_left, box_top, box_width and box_height."""
    return models.Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"])


def box_of_row(row: Record) -> Box:
    """Return the box in a row, to a ten-thousandth of the picture."""
    return box_of(read_box(row))


class SelfieSoFar(Struct, frozen=True):
    """The newest selfie of a guest."""

    status: SelfieState | None
    problem: Annotated[
        str | None, Meta(description="Why a selfie was refused after the fact: a problem's code.")
    ]


class User(Struct, frozen=True):
    """A person with an account."""

    id: Id
    name: str
    email: Annotated[str | None, Meta(description="null: a link is the way in.")]
    role: Role


def user_of(who: models.User) -> User:
    """Return a user as the API shows one."""
    return User(str(who.id), who.name, who.email, who.role)


class KeyLink(Struct, frozen=True):
    """The link that opens an account without an e-mail address."""

    key_url: Annotated[Url, Meta(description="Shown this once.")]


class Job(Struct, frozen=True):
    """A piece of background work."""

    id: Id
    kind: JobKind
    state: JobState
    attempts: Annotated[int, Meta(description="Those that were interrupted do not count.")]
    filename: str | None
    photo_id: Id | None
    event_id: Id | None
    error: str | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None


def job_of(row: Record) -> Job:
    """Return a job as the contract describes it."""
    return Job(**job_members(row))


def job_members(row: Record) -> dict[str, Any]:
    """Return the members of a job, for the shapes that add some."""
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "state": row["state"],
        "attempts": row["attempts"],
        "filename": row["filename"],
        "photo_id": id_text(row["photo_id"]),
        "event_id": id_text(row["event_id"]),
        "error": row["error"],
        "created_at": time_text(row["created_at"]),
        "started_at": time_text(row["started_at"]),
        "finished_at": time_text(row["finished_at"]),
    }
