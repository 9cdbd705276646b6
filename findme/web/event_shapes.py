"""An event as JSON: for anyone with its code, for admins, and an admin's changes."""

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from findme.models import (
    Accounts,
    Admission,
    DownloadSize,
    EventKind,
    Gallery,
    KeptFaces,
    Metadata,
    Publish,
)
from findme.web.shapes import Colour, Id, Path, SelfieSoFar, Similarity, Time, Url

ClosesAt: TypeAlias = Annotated[
    Time | None, Meta(description="From then on nobody joins and nothing is uploaded.")
]
ExpiresAt: TypeAlias = Annotated[
    Time | None,
    Meta(
        description="When the event is deleted by itself; never a time that has passed. A new "
        "event's is 30 days after its start if it is left out, and null if it never ends."
    ),
]
TimeZone: TypeAlias = Annotated[
    str | None, Meta(description="As Europe/Paris: what cameras without a zone are read in.")
]
KindOf: TypeAlias = Annotated[
    EventKind, Meta(description="The occasion, whose word guests read; other if it is left out.")
]
GalleryOf: TypeAlias = Annotated[
    Gallery, Meta(description="Whether guests see all photos, or only their own.")
]
Controller: TypeAlias = Annotated[
    str | None, Meta(description="Who is responsible for guests' data, as the consent says.")
]
Contact: TypeAlias = Annotated[str | None, Meta(description="How to reach them.")]
JoinOpen: TypeAlias = Annotated[bool, Meta(description="Whether guests may still join.")]
AccountsOf: TypeAlias = Annotated[
    Accounts, Meta(description="Whether joining needs e-mail and password, or only a name.")
]
AdmissionOf: TypeAlias = Annotated[
    Admission, Meta(description="Whether those who join wait until an organiser admits them.")
]
Browse: TypeAlias = Annotated[
    bool, Meta(description="Whether a gallery of everyone opens without consent and selfie.")
]
PublishOf: TypeAlias = Annotated[
    Publish, Meta(description="Whether guests see photos at once, or after approval.")
]
FacesOf: TypeAlias = Annotated[
    KeptFaces,
    Meta(
        description="Whose faces become vectors: of all, or of guests only. Strangers' vectors "
        "can be given up later (and are, when matching closes), but not be made again once "
        "there are photos (409)."
    ),
]
Downloads: TypeAlias = Annotated[bool, Meta(description="Whether guests may take photos home.")]
DownloadSizeOf: TypeAlias = Annotated[
    DownloadSize, Meta(description="What they take: large has at most 2,000 pixels.")
]
MetadataOf: TypeAlias = Annotated[
    Metadata,
    Meta(
        description="What originals say: essential is which way is up, colours, the time of "
        "capture, credit and copyright; full is all that the photographer's file says."
    ),
]
Watermark: TypeAlias = Annotated[
    Annotated[str, Meta(max_length=60)] | None, Meta(description="On previews and downloads.")
]
DropSelfies: TypeAlias = Annotated[
    bool,
    Meta(
        description="Whether the picture of a selfie is deleted as soon as its faceprint is made. "
        "It cannot be taken back once a guest has agreed to it (422)."
    ),
]
Accent: TypeAlias = Annotated[
    Colour | None, Meta(description="#rrggbb, for the buttons of guests.")
]
Threshold: TypeAlias = Annotated[
    Similarity | None, Meta(description="A similarity; null: the setting's.")
]
Wall: TypeAlias = Annotated[
    bool, Meta(description="Whether there is a live wall; each new one has another address.")
]
CoverUrl: TypeAlias = Annotated[Path | None, Meta(description="null: there is no cover.")]


class PublicEvent(Struct, frozen=True):
    """The public values of an event, for anyone with its code."""

    name: str
    starts_at: Time | None
    expires_at: Time | None
    closes_at: ClosesAt
    join_open: JoinOpen
    admission: AdmissionOf
    accounts: AccountsOf
    browse: Browse
    accent: Accent
    cover_url: CoverUrl


class Counts(Struct, frozen=True):
    """The counts of an event."""

    photos: int
    guests: Annotated[int, Meta(description="All who joined, those who wait as well.")]
    faces: int
    matches: int
    waiting: Annotated[int, Meta(description="Guests who wait to be admitted.")]


class Event(Struct, frozen=True):
    """An event as admins see it."""

    id: Id
    code: Annotated[str, Meta(description="8 characters; what guests type.")]
    name: str
    starts_at: Time | None
    closes_at: ClosesAt
    expires_at: ExpiresAt
    time_zone: TimeZone
    kind: KindOf
    gallery: GalleryOf
    join_open: JoinOpen
    admission: AdmissionOf
    accounts: AccountsOf
    browse: Browse
    publish: PublishOf
    faces: FacesOf
    downloads: Downloads
    download_size: DownloadSizeOf
    metadata: MetadataOf
    watermark: Watermark
    controller: Controller
    contact: Contact
    drop_selfies: DropSelfies
    accent: Accent
    match_threshold: Threshold
    maybe_threshold: Threshold
    wall: Wall
    wall_url: Url | None
    join_url: Annotated[Url, Meta(description="What the QR code holds.")]
    cover_url: CoverUrl
    created_at: Time
    counts: Counts


class EventChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """The members of an event to change."""

    name: Annotated[str | UnsetType, Meta(description="1 to 200 characters.")] = UNSET
    starts_at: Time | UnsetType | None = UNSET
    closes_at: ClosesAt | UnsetType = UNSET
    expires_at: ExpiresAt | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    kind: KindOf | UnsetType = UNSET
    gallery: GalleryOf | UnsetType = UNSET
    join_open: JoinOpen | UnsetType = UNSET
    admission: AdmissionOf | UnsetType = UNSET
    accounts: AccountsOf | UnsetType = UNSET
    browse: Browse | UnsetType = UNSET
    publish: PublishOf | UnsetType = UNSET
    faces: FacesOf | UnsetType = UNSET
    downloads: Downloads | UnsetType = UNSET
    download_size: DownloadSizeOf | UnsetType = UNSET
    metadata: MetadataOf | UnsetType = UNSET
    watermark: Watermark | UnsetType = UNSET
    controller: Controller | UnsetType = UNSET
    contact: Contact | UnsetType = UNSET
    drop_selfies: DropSelfies | UnsetType = UNSET
    accent: Accent | UnsetType = UNSET
    match_threshold: Threshold | UnsetType = UNSET
    maybe_threshold: Threshold | UnsetType = UNSET
    wall: Wall | UnsetType = UNSET


class NewEvent(EventChanges, forbid_unknown_fields=True, kw_only=True):
    """An event to create; members that are left out have their defaults."""

    name: Annotated[str, Meta(description="1 to 200 characters.")]


class EventGuest(Struct, frozen=True):
    """A guest of an event."""

    id: Annotated[Id, Meta(description="The user's, as user_id.")]
    user_id: Id
    name: str
    email: Annotated[str | None, Meta(description="null: a link is the way in.")]
    joined_at: Time
    selfie: SelfieSoFar
    photos: Annotated[int, Meta(description="Photos that surely show them, hidden ones too.")]
    maybe: Annotated[int, Meta(description="Photos that may show them.")]
