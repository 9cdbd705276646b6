"""Every failure a caller can meet: a class, a sentence, a status and a stable code.

FindMeError
├── StartError                 the service cannot start
├── InvalidRequest 422         the request cannot be understood
│   ├── ConsentRequired, CommonPassword
│   ├── SelfieRefused          no_face, several_faces, poor_quality, not_alike, invalid_image
│   ├── EveryFileRejected
│   └── HashMismatch
├── BadImage 422
│   ├── UnsupportedImage 415
│   ├── UnreadableImage
│   └── ImageTooLarge 413
├── UploadTooLarge 413
├── SignInRequired 401
│   └── WrongCredentials
├── Forbidden 403
│   ├── GalleryIsPrivate
│   ├── BrowsingClosed
│   ├── WrongPassword
│   ├── DownloadsOff
│   └── CrossSiteRequest
├── NotFound 404
│   └── LinkExpired
├── Conflict 409
│   ├── JoinClosed
│   ├── EventClosed
│   ├── EmailTaken
│   ├── TooManySelfies
│   ├── LastSelfie
│   ├── WrongOffset            a partial upload goes on elsewhere
│   └── CollectionSwitched     a re-index switched the event's collection meanwhile
├── NotAlike 422
├── TooManyAttempts 429
├── Contended 503 the database rolled the change back because of another one
├── QueueFull, DiskFull 503
├── PicturesUnavailable 503    no process or memory for them; the file is not to blame
├── DeliveryFailed 503          a mail or a push message; worth another try later
│   └── DeliveryRefused 502     final: it would be refused again
└── EngineError
    ├── EngineUnavailable 503  worth another try later; never the photo's fault
    │   ├── BudgetSpent
    │   └── CollectionRebuilding   the engine answers; a re-index brings the faces back
    └── EngineRefused 502      final: the engine will not take this picture
"""

from collections.abc import Mapping
from typing import ClassVar


class FindMeError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str | None = None, **extra: object) -> None:
        super().__init__(message or type(self).sentence())
        #: Further members of the problem document.
        self.extra: Mapping[str, object] = extra

    @classmethod
    def sentence(cls) -> str:
        """Return the first line of the class's docstring: the message if none is given."""
        return (cls.__doc__ or "").strip().partition("\n")[0]


class StartError(FindMeError):
    """FindMe cannot start."""


class InvalidRequest(FindMeError):
    """What was sent cannot be understood."""

    status = 422
    code = "invalid_request"


class ConsentRequired(InvalidRequest):
    """Joining with a selfie needs your consent: consent=yes."""

    code = "consent_required"


class SelfieRefused(InvalidRequest):
    """This selfie cannot be used."""

    code = "poor_quality"

    def __init__(self, message: str, *, code: str, problems: list[str] | None = None) -> None:
        super().__init__(message, problems=problems or [])
        self.code = code  # type: ignore[misc]  # one class for the four ways a selfie is refused


class CommonPassword(InvalidRequest):
    """This password is one of the most common: take one that nobody guesses."""

    code = "common_password"


class EveryFileRejected(InvalidRequest):
    """None of the files could be taken."""

    code = "rejected"


class HashMismatch(InvalidRequest):
    """What arrived is not the file that was announced: send it again from its beginning."""

    code = "hash_mismatch"


class BadImage(FindMeError):
    """This is not a picture that FindMe can use."""

    status = 422
    code = "invalid_image"


class UnsupportedImage(BadImage):
    """This is not a JPEG, PNG, WebP or HEIC picture."""

    status = 415
    code = "unsupported_image"


class UnreadableImage(BadImage):
    """The picture is damaged and cannot be read."""

    code = "unreadable_image"


class ImageTooLarge(BadImage):
    """The picture has too many pixels."""

    status = 413
    code = "image_too_large"


class UploadTooLarge(FindMeError):
    """The file is larger than this server takes."""

    status = 413
    code = "upload_too_large"


class SignInRequired(FindMeError):
    """Sign in first."""

    status = 401
    code = "sign_in_required"


class WrongCredentials(SignInRequired):
    """The e-mail address or the password is wrong."""

    code = "wrong_credentials"


class Forbidden(FindMeError):
    """You may not do this."""

    status = 403
    code = "forbidden"


class GalleryIsPrivate(Forbidden):
    """In this event everyone sees only their own photos."""

    code = "gallery_own"


class DownloadsOff(Forbidden):
    """The organiser has turned downloads off for this event."""

    code = "downloads_off"


class BrowsingClosed(Forbidden):
    """This event's gallery is for guests who joined with a selfie."""

    code = "browsing_closed"


class WrongPassword(Forbidden):
    """The present password is not right."""

    code = "wrong_password"


class CrossSiteRequest(Forbidden):
    """This request did not come from a FindMe page."""

    code = "csrf"


class NotFound(FindMeError):
    """There is nothing here."""

    status = 404
    code = "not_found"


class LinkExpired(NotFound):
    """This link was used already, or its time is over: ask for a new one."""

    code = "link_expired"


class Conflict(FindMeError):
    """This contradicts what is already there."""

    status = 409
    code = "conflict"


class JoinClosed(Conflict):
    """This event no longer takes guests."""

    code = "join_closed"


class EventClosed(Conflict):
    """This event is closed: it takes no more photos."""

    code = "event_closed"


class EmailTaken(Conflict):
    """There is an account with this e-mail address already: sign in, then join."""

    code = "email_taken"


class TooManyAttempts(FindMeError):
    """Too many attempts. Wait a minute, then try again."""

    status = 429
    code = "too_many_attempts"
    retry_after = 60


class QueueFull(FindMeError):
    """Queue is full, try again later"""  # noqa: D400, D415 - the contract's sentence

    status = 503
    code = "queue_full"
    retry_after = 20


class PicturesUnavailable(FindMeError):
    """Pictures cannot be read at this moment: try again."""

    status = 503
    code = "pictures_unavailable"
    retry_after = 5


class Contended(FindMeError):
    """Somebody else is changing the same: try again."""

    status = 503
    code = "contended"
    retry_after = 1


class DiskFull(FindMeError):
    """The server's disk is full, try again later"""  # noqa: D400, D415 - like QueueFull's

    status = 503
    code = "disk_full"
    retry_after = 60


class TooManySelfies(Conflict):
    """You have five selfies already: remove one first."""

    code = "too_many_selfies"


class NotAlike(FindMeError):
    """This face does not resemble your selfies."""

    status = 422
    code = "not_alike"


class LastSelfie(Conflict):
    """This is your only selfie: add another first, or erase your face."""

    code = "last_selfie"


class WrongOffset(Conflict):
    """The upload goes on at another place: `received` says where."""

    code = "wrong_offset"


class CollectionSwitched(Conflict):
    """The event's collection was switched meanwhile."""

    code = "collection_switched"


class DeliveryFailed(FindMeError):
    """The message cannot be delivered now."""

    status = 503
    code = "delivery_failed"


class DeliveryRefused(DeliveryFailed):
    """The message was refused for good."""

    status = 502
    code = "delivery_refused"


class EngineError(FindMeError):
    """The face engine could not do this."""

    status = 502
    code = "engine_error"


class EngineUnavailable(EngineError):
    """The face engine cannot be reached; the work waits for it."""

    status = 503
    code = "engine_unavailable"
    retry_after = 30


class BudgetSpent(EngineUnavailable):
    """This month's budget for the face engine is spent; the work waits."""

    code = "budget_spent"
    retry_after = 3600


class CollectionRebuilding(EngineUnavailable):
    """The event's faces are being indexed anew; the work waits for it."""


class EngineRefused(EngineError):
    """The face engine refuses this picture."""

    code = "engine_refused"
