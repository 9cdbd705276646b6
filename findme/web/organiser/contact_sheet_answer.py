"""The contact sheet as JSON: a photo in the list, and a photo with its details."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from findme.db import Record
from findme.gallery.contact_sheet import PhotoDetails
from findme.models import PhotoState, Review, Shelf
from findme.web.organiser.missed_faces import MissedFace, missed_of
from findme.web.responses import id_text, time_text
from findme.web.shapes import (
    Box,
    Faces,
    Id,
    Job,
    Path,
    Placeholder,
    Time,
    box_of_row,
    job_members,
)


class SheetPhoto(Struct, frozen=True):
    """A photo with its state, as the contact sheet lists it."""

    id: Id
    event_id: Id
    filename: str
    width: Annotated[int, Meta(description="Pixels of the upright picture.")]
    height: Annotated[int, Meta(description="Pixels of the upright picture.")]
    taken_at: Time | None
    uploaded_at: Time
    credit: Annotated[str | None, Meta(description="The photographer.")]
    state: PhotoState
    error: Annotated[str | None, Meta(description="Why it failed.")]
    review: Review
    visible: Annotated[bool, Meta(description="Whether guests may see it.")]
    faces: Faces
    missed: Annotated[int, Meta(description="Faces that were seen and not kept.")]
    guests: Annotated[int, Meta(description="Guests who were found on it.")]
    placeholder: Placeholder
    thumb_url: Path | None
    preview_url: Path | None
    original_url: Path


class FaceOnPhoto(Struct, frozen=True):
    """A face on a photo."""

    face_id: Id
    box: Box
    confidence: Annotated[float, Meta(description="0 to 100, that it is a face.")]
    group_id: Id | None
    group_name: Annotated[str | None, Meta(description="The name that an admin gave the group.")]


class GuestOnPhoto(Struct, frozen=True):
    """A guest whom a photo shows, or who gave a verdict on it."""

    user_id: Id
    name: str
    match: Annotated[
        Shelf | None,
        Meta(description="null: it is not shown to the guest as theirs."),
    ]
    says: Literal["me", "not_me"] | None
    similarity: Annotated[float | None, Meta(description="0 to 100.")]
    face_id: Id | None


class PhotoJob(Job, frozen=True, kw_only=True):
    """A job that indexed a photo, or will."""

    thorough: Annotated[bool, Meta(description="Every face, however bad.")]


class ClosePhoto(SheetPhoto, frozen=True, kw_only=True):
    """A photo with its faces, guests, missed faces and jobs."""

    on_it: list[FaceOnPhoto]
    shows: list[GuestOnPhoto]
    missed_faces: list[MissedFace]
    jobs: list[PhotoJob]


def sheet_photo(row: Record) -> SheetPhoto:
    """Return a photo as admins see it."""
    return SheetPhoto(**_members(row))


def close_photo(found: PhotoDetails) -> ClosePhoto:
    """Return a photo with its details."""
    return ClosePhoto(
        **_members(found.photo),
        on_it=[_face(row) for row in found.faces],
        shows=[_guest(row) for row in found.guests],
        missed_faces=[missed_of(row) for row in found.missed],
        jobs=[PhotoJob(**job_members(row), thorough=row["thorough"]) for row in found.jobs],
    )


def _members(row: Record) -> dict[str, Any]:
    address = f"/api/photo/{row['id']}?size="
    return {
        "id": str(row["id"]),
        "event_id": str(row["event_id"]),
        "filename": row["filename"],
        "width": row["width"],
        "height": row["height"],
        "taken_at": time_text(row["taken_at"]),
        "uploaded_at": time_text(row["uploaded_at"]),
        "credit": row["credit"],
        "state": row["state"],
        "error": row["error"],
        "review": row["review"],
        "visible": row["visible"],
        "faces": row["faces"],
        "missed": row["missed"],
        "guests": row["guests"],
        "placeholder": row["placeholder"],
        "thumb_url": address + "thumb" if row["ready"] else None,
        "preview_url": address + "preview" if row["ready"] else None,
        "original_url": address + "original",
    }


def _face(row: Record) -> FaceOnPhoto:
    return FaceOnPhoto(
        face_id=str(row["id"]),
        box=box_of_row(row),
        confidence=round(row["confidence"], 2),
        group_id=id_text(row["person_id"]),
        group_name=row["person_name"],
    )


def _guest(row: Record) -> GuestOnPhoto:
    similarity = row["similarity"]
    return GuestOnPhoto(
        user_id=str(row["user_id"]),
        name=row["name"],
        match=row["shelf"],
        says=row["says"],
        similarity=None if similarity is None else round(similarity, 2),
        face_id=id_text(row["face_id"]),
    )
