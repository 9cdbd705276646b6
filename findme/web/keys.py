"""The typed keys of the application and of requests, and short functions that read them."""

import re
from datetime import tzinfo

from aiohttp import web

from findme.accounts.actor import Actor
from findme.accounts.rights import Rights
from findme.cache import Cache
from findme.db import Pool
from findme.errors import NotFound, SignInRequired
from findme.models import User
from findme.operations.metrics import Metrics
from findme.operations.stats import Sources
from findme.rekognition import Rekognition
from findme.services.access import Access
from findme.services.account import Account
from findme.services.admission import AdmissionDesk
from findme.services.downloads import Downloads
from findme.services.erasure import Erasure
from findme.services.event_setup import EventSetup
from findme.services.guest_gallery import GuestGallery
from findme.services.guest_selfies import GuestSelfies
from findme.services.invitations import Invitations
from findme.services.joining import Joining
from findme.services.keeping_out import KeepingOut
from findme.services.notification_choices import NotificationChoices
from findme.services.person_edits import PersonEdits
from findme.services.photo_marks import PhotoMarks
from findme.services.photo_review import PhotoReview
from findme.services.pictures import Pictures
from findme.services.queue_control import QueueControl
from findme.services.resumable_uploads import ResumableUploads
from findme.services.second_factors import SecondFactors
from findme.services.upload_tokens import UploadTokens
from findme.services.uploads import Uploads
from findme.services.webhooks import Webhooks
from findme.settings import Settings
from findme.web import proxies

SETTINGS = web.AppKey("SETTINGS", Settings)
POOL: web.AppKey[Pool] = web.AppKey("POOL")
CACHE = web.AppKey("CACHE", Cache)
RIGHTS = web.AppKey("RIGHTS", Rights)
FACES = web.AppKey("FACES", Rekognition)
STATS = web.AppKey("STATS", Sources)
METRICS = web.AppKey("METRICS", Metrics)

# The use cases (see findme.services).
ACCESS = web.AppKey("ACCESS", Access)
ACCOUNT = web.AppKey("ACCOUNT", Account)
ADMISSION_DESK = web.AppKey("ADMISSION_DESK", AdmissionDesk)
DOWNLOADS = web.AppKey("DOWNLOADS", Downloads)
ERASURE = web.AppKey("ERASURE", Erasure)
GUEST_GALLERY = web.AppKey("GUEST_GALLERY", GuestGallery)
GUEST_SELFIES = web.AppKey("GUEST_SELFIES", GuestSelfies)
INVITATIONS = web.AppKey("INVITATIONS", Invitations)
KEEPING_OUT = web.AppKey("KEEPING_OUT", KeepingOut)
JOINING = web.AppKey("JOINING", Joining)
NOTIFICATION_CHOICES = web.AppKey("NOTIFICATION_CHOICES", NotificationChoices)
PHOTO_MARKS = web.AppKey("PHOTO_MARKS", PhotoMarks)
PICTURES = web.AppKey("PICTURES", Pictures)
RESUMABLE_UPLOADS = web.AppKey("RESUMABLE_UPLOADS", ResumableUploads)
SECOND_FACTORS = web.AppKey("SECOND_FACTORS", SecondFactors)
UPLOAD_TOKENS = web.AppKey("UPLOAD_TOKENS", UploadTokens)
UPLOADS = web.AppKey("UPLOADS", Uploads)
EVENT_SETUP = web.AppKey("EVENT_SETUP", EventSetup)
PERSON_EDITS = web.AppKey("PERSON_EDITS", PersonEdits)
PHOTO_REVIEW = web.AppKey("PHOTO_REVIEW", PhotoReview)
QUEUE_CONTROL = web.AppKey("QUEUE_CONTROL", QueueControl)
WEBHOOKS = web.AppKey("WEBHOOKS", Webhooks)

#: The methods of requests that change nothing; those of others read all rights anew.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Our value of the Server header; the usual one has the versions of Python and aiohttp.
SERVER = "FindMe"
ACTOR = web.RequestKey("ACTOR", Actor)
REQUEST_ID = web.RequestKey("REQUEST_ID", str)
#: The time zone of the event that the request is about, if it has one; pages show times in it.
EVENT_ZONE = web.RequestKey("EVENT_ZONE", tzinfo)
#: The number of failed jobs, for the organiser's pages.
FAILED_JOBS = web.RequestKey("FAILED_JOBS", int)
#: The text fields of a form with a selfie, for the page that shows it again after an error.
TYPED: web.RequestKey[dict[str, str]] = web.RequestKey("TYPED")


def actor(request: web.Request) -> Actor:
    """Return the actor of the request."""
    return request[ACTOR]


def user(request: web.Request) -> User:
    """Return the signed-in user; NotFound for an upload token, SignInRequired for anyone else."""
    signed_in = request[ACTOR].user
    if request[ACTOR].upload_event_id is not None:
        raise NotFound
    if signed_in is None:
        raise SignInRequired
    return signed_in


def admin(request: web.Request) -> User:
    """Return the admin; SignInRequired without a session, NotFound for anybody else."""
    signed_in = user(request)
    if not request[ACTOR].is_admin:
        raise NotFound
    return signed_in


def enrolling_admin(request: web.Request) -> User:
    """Return the admin, also one whose rights wait until they have set up a second factor."""
    return user(request) if request[ACTOR].must_enrol else admin(request)


def base_url(request: web.Request) -> str:
    """Return how the service is reached: FINDME_BASE_URL, or as this request says."""
    settings = request.app[SETTINGS]
    scheme = proxies.scheme(request, settings.trusted_proxies)
    return settings.findme_base_url or f"{scheme}://{request.host}"


def mailed_base(request: web.Request) -> str | None:
    """Return the base of links in mails to others; None if no mail is sent.

    The Host header must not decide where a mailed link leads. Without FINDME_BASE_URL it leads at
    most to this machine.
    """
    settings = request.app[SETTINGS]
    if settings.smtp_url is None:
        return None
    local = re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", request.host)
    return settings.findme_base_url or (base_url(request) if local else None)


def remote(request: web.Request) -> str:
    """Return the key under which a visitor's attempts are counted: their address or network."""
    return proxies.household(proxies.visitor(request, request.app[SETTINGS].trusted_proxies))
