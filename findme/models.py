"""FindMe's ids, states and records that cross module borders. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, Self

UserId = NewType("UserId", int)
EventId = NewType("EventId", int)
GuestId = NewType("GuestId", int)
SelfieId = NewType("SelfieId", int)
PhotoId = NewType("PhotoId", int)
FaceId = NewType("FaceId", int)
JobId = NewType("JobId", int)
TokenId = NewType("TokenId", int)
PersonId = NewType("PersonId", int)
ImageId = NewType("ImageId", int)
#: The face engine's own name of a vector, a lower-case UUID.
EngineFaceId = NewType("EngineFaceId", str)


class Role(StrEnum):
    """The role of an account; an upload token is no account."""

    GUEST = "guest"
    ADMIN = "admin"


class EventKind(StrEnum):
    """The kind of occasion: guests read its word (see templates/guest/occasion.html)."""

    WEDDING = "wedding"
    PARTY = "party"
    RACE = "race"
    OTHER = "other"


class Gallery(StrEnum):
    """Which photos the guests of an event see."""

    EVERYONE = "everyone"
    OWN = "own"


class Accounts(StrEnum):
    """The kind of account that guests of an event need to join."""

    #: Name, e-mail and password.
    REQUIRED = "required"
    #: A name is enough: the link in the browser is the key.
    OPTIONAL = "optional"


class Admission(StrEnum):
    """How somebody who joins an event becomes a guest who sees photos."""

    OPEN = "open"
    #: The organiser admits each one; until then they wait.
    APPROVAL = "approval"


class DownloadSize(StrEnum):
    """The size of guests' downloads."""

    ORIGINAL = "original"
    #: At most 2,000 px on the long side.
    LARGE = "large"


class Metadata(StrEnum):
    """What the originals that guests download say of themselves."""

    #: Which way is up, colours, the time of capture, credit and copyright.
    ESSENTIAL = "essential"
    #: All that the photographer's file says.
    FULL = "full"


class Publish(StrEnum):
    """When guests see a photo."""

    AT_ONCE = "at_once"
    AFTER_APPROVAL = "after_approval"


class KeptFaces(StrEnum):
    """Whose faces become vectors."""

    ALL = "all"
    #: Those of guests, from their selfies; strangers' faces are only places on photos.
    GUESTS_ONLY = "guests_only"


class Review(StrEnum):
    """The organiser's decision about a photo."""

    WAITING = "waiting"
    SHOWN = "shown"
    HIDDEN = "hidden"


class Shelf(StrEnum):
    """How certain a match is."""

    SURE = "sure"
    MAYBE = "maybe"


class Size(StrEnum):
    """The three forms in which a photo is kept."""

    THUMB = "thumb"
    PREVIEW = "preview"
    ORIGINAL = "original"


class Rendition(StrEnum):
    """The rendition that replaces a size for guests, by the organiser's options."""

    #: The preview, with the watermark.
    MARKED = "marked"
    #: In place of the original: smaller, or with the watermark.
    DOWNLOAD = "download"


class JobState(StrEnum):
    """The life of a job; see docs/architecture/queue.md."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class JobKind(StrEnum):
    """The kinds of jobs and their priorities: jobs that a person waits for go before photos."""

    INDEX_SELFIE = "index_selfie", 0
    MATCH_SELFIE = "match_selfie", 0
    FORGET_FACES = "forget_faces", 0
    DELETE_COLLECTION = "delete_collection", 0
    SEND_MAIL = "send_mail", 0
    #: A sweep. It is not due before uploads pause, so it may go before them.
    MATCH_EVENT = "match_event", 1
    REINDEX_EVENT = "reindex_event", 1
    #: Notifies one guest of new photos.
    NOTIFY_GUEST = "notify_guest", 1
    SEND_PUSH = "send_push", 1
    #: Removes what deleted rows leave in the database's files.
    REMOVE_TRACES = "remove_traces", 1
    KEEP_OUT = "keep_out", 1
    INDEX_PHOTO = "index_photo", 2
    GROUP_FACES = "group_faces", 3

    #: Of the jobs that are due, the smallest number is claimed first.
    priority: int

    def __new__(cls, value: str, priority: int = 0) -> Self:
        """Make a member whose value is the name alone."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.priority = priority
        return member


class SelfieState(StrEnum):
    """The state of a selfie."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class PhotoState(StrEnum):
    """The progress of a photo."""

    RECEIVED = "received"
    PREPARED = "prepared"
    INDEXED = "indexed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: UserId
    name: str
    #: None if a link with a key is the way in (see accounts).
    email: str | None
    role: Role
    #: The account's choices for the pages; None: as the browser and the device say.
    language: str | None = None
    scheme: str | None = None
    #: Whether single letters are keys of the viewer and the questions (WCAG 2.1.4).
    letter_keys: bool = True

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "User":
        """Return the user of an account's row, or of what the cache kept of one."""
        choices = (row["language"], row["scheme"], row["letter_keys"])
        return cls(UserId(row["id"]), row["name"], row["email"], Role(row["role"]), *choices)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Similarities (0..100) from which a match is `sure`, and from which it is `maybe`."""

    sure: float
    maybe: float


@dataclass(frozen=True, slots=True)
class Event:
    """A wedding, a gala, a race."""

    id: EventId
    code: str
    name: str
    starts_at: datetime | None
    expires_at: datetime | None
    kind: EventKind
    gallery: Gallery
    join_open: bool
    collection_id: str
    collection_ready: bool
    #: Counts the event's collections: vectors of an earlier generation are indexed again.
    generation: int
    #: Which engine holds the collection: `embedded`, or `aws:<region>`.
    engine: str | None
    #: Which of the engine's face models made its vectors; None: unknown, or no collection yet.
    face_model: str | None
    #: Similarities (0..100) of the event's own; None: those of the settings.
    match_threshold: float | None
    maybe_threshold: float | None
    created_at: datetime
    #: Whether a name alone lets a guest in.
    accounts: Accounts
    #: Whether those who join wait for the organiser.
    admission: Admission
    #: The gallery can be seen without consent and selfie (if it is open to everyone).
    browse: bool
    downloads: bool
    download_size: DownloadSize
    metadata: Metadata
    #: The text on the pictures that guests see and download; None: no watermark.
    watermark: str | None
    #: Who is responsible for the event's data, and how to reach them; None: see consents.
    controller: str | None
    contact: str | None
    #: Whether the picture of a selfie goes as soon as its vector is made.
    drop_selfies: bool
    publish: Publish
    faces: KeptFaces
    #: `#rrggbb` in place of ink on the guests' buttons; None: ink.
    accent: str | None
    #: From then on the event accepts no guests and no uploads.
    closes_at: datetime | None
    #: IANA name; None: UTC.
    time_zone: str | None
    #: Opens the live wall; None: the event has no wall.
    wall_token: str | None
    #: A digest of the cover picture; None: the event has no cover.
    cover: str | None
    #: The event's own thresholds, or else those of the settings.
    thresholds: Thresholds

    def is_closed(self, now: datetime) -> bool:
        """Whether the event no longer accepts guests and uploads at that moment."""
        return self.closes_at is not None and self.closes_at <= now

    def admits(self, now: datetime) -> bool:
        """Whether somebody new may join at that moment."""
        return self.join_open and not self.is_closed(now)

    @property
    def browsable(self) -> bool:
        """Whether guests may see the gallery without consent and selfie."""
        return self.browse and self.gallery is Gallery.EVERYONE


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The end of a page of a guest's list: newest first by time, and by id within a moment."""

    dated_at: datetime
    id: PhotoId


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a face on the upright picture, as ratios of its width and height."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Job:
    """One durable unit of background work that a worker holds."""

    id: JobId
    kind: JobKind
    event_id: EventId | None
    photo_id: PhotoId | None
    selfie_id: SelfieId | None
    payload: dict[str, object] | None
    #: The photo's file name, for people.
    label: str
    #: The number of this attempt, from 1; interrupted ones do not count.
    attempts: int
    #: Checked when the job is finished: a job that was given to another worker is not ours.
    lease: int
    #: The number of workers that died while they ran it.
    interruptions: int

    @property
    def thorough(self) -> bool:
        """Whether a photo's faces are indexed however bad they are."""
        return bool((self.payload or {}).get("thorough"))


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One stored picture as it is sent: its size and what identifies its bytes."""

    id: ImageId
    media_type: str
    size_bytes: int
    #: SHA-256 of the bytes, hexadecimal.
    digest: str
    #: The pieces that are sent (see media/cleaning); None: the stored bytes.
    plan: bytes | None = None
