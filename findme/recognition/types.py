"""The face engine's answers, and the vectors that guests are searched with. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from findme.models import Box, EngineFaceId, GuestId


class QualityFilter(StrEnum):
    """The quality below which a face is not indexed, in Rekognition's words."""

    #: Only faces that could match nothing are left out.
    AUTO = "AUTO"
    #: Every face that is seen: for a second, thorough attempt.
    NONE = "NONE"


class ReferenceKind(StrEnum):
    """The origin of a vector that a guest is searched with."""

    SELFIE = "selfie"
    #: A face on a photo that the guest said is theirs.
    CONFIRMED = "confirmed"
    #: A face on a photo that matches one of the others strongly (query expansion).
    EXPANSION = "expansion"


@dataclass(frozen=True, slots=True)
class IndexedFace:
    """A face that the engine has indexed, or only detected."""

    #: None: the engine has kept no vector of it.
    engine_face_id: EngineFaceId | None
    box: Box
    #: 0..100, how certain the engine is that this is a face.
    confidence: float
    #: 0..100 each; None if the engine did not say.
    brightness: float | None = None
    sharpness: float | None = None
    #: Degrees that the head is turned to a side, and up or down; 0 if the engine did not say.
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True, slots=True)
class UnindexedFace:
    """A face that the engine saw and did not index, and why (AWS's reason words)."""

    box: Box
    confidence: float
    reasons: Sequence[str]
    #: Whether eyes or mouth are covered, if the engine can tell.
    occluded: bool = False


@dataclass(frozen=True, slots=True)
class IndexResult:
    """The answer to IndexFaces, largest face first."""

    faces: Sequence[IndexedFace]
    unindexed: Sequence[UnindexedFace]

    @property
    def vectors(self) -> list[EngineFaceId]:
        """The vectors that the engine has kept."""
        return [face.engine_face_id for face in self.faces if face.engine_face_id is not None]


@dataclass(frozen=True, slots=True)
class Similar:
    """A face that a search found, and its similarity (0..100) to the searched face."""

    engine_face_id: EngineFaceId
    similarity: float


@dataclass(frozen=True, slots=True)
class AlikeFace:
    """A face of a picture, and its similarity (0..100) to that of another picture."""

    box: Box
    similarity: float


@dataclass(frozen=True, slots=True)
class SearchedFace:
    """What a search by a picture found, and which face of the picture it was for."""

    box: Box
    similar: Sequence[Similar]


@dataclass(frozen=True, slots=True)
class Reference:
    """A vector that searches for a guest start from."""

    id: int
    guest_id: GuestId
    engine_face_id: EngineFaceId
    kind: ReferenceKind

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Reference":
        """Return the reference of a row of id, guest_id, engine_face_id and kind."""
        return cls(row["id"], row["guest_id"], row["engine_face_id"], ReferenceKind(row["kind"]))


@dataclass(frozen=True, slots=True)
class QueryExpansion:
    """Query expansion: strong matches become further references.

    Each depends on the selfie or the confirmed face whose match it is, never on another one, so
    that one person does not drift into another; and its own matches count from *match* on only.
    """

    #: Similarity (0..100) from which a match becomes a reference.
    anchor: float
    #: Similarity from which a face is a match of such a reference.
    match: float
    #: The most expansions of a guest: the strongest ones.
    most: int = 12
