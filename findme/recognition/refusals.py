"""The engine's errors as ours."""

import logging

import botocore.exceptions

from findme.errors import EngineError, EngineRefused, EngineUnavailable

log = logging.getLogger(__name__)

#: The error of our own face service for a collection of an earlier face model.
OUTDATED = "FaceModelVersionMismatchException"
_REFUSED = {
    "InvalidImageFormatException": "The face engine cannot read this picture.",
    "ImageTooLargeException": "The picture is too large for the face engine.",
    "InvalidParameterException": "The face engine does not take this picture.",
}
_UNAVAILABLE = {
    "ProvisionedThroughputExceededException": "The face engine's rate limit is reached.",
    "ThrottlingException": "The face engine asks to slow down.",
    "InternalServerError": "The face engine had an internal error.",
    "AccessDeniedException": "The face engine denies access: check the AWS credentials.",
    "UnrecognizedClientException": "The face engine denies access: check the AWS credentials.",
    "InvalidSignatureException": "The face engine denies access: check the AWS credentials.",
    "ExpiredTokenException": "The AWS credentials have expired.",
}
#: The codes of attempts that came too fast.
THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException"})


class CollectionMissing(EngineError):
    """The event's collection is not there."""


class CollectionOutdated(EngineError):
    """The collection's vectors are of another face model than the engine's present one."""


class CollectionThere(EngineError):
    """The collection exists already."""


def translated(error: botocore.exceptions.ClientError) -> EngineError:
    """Return what an answered error means to us."""
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ResourceAlreadyExistsException":
        return CollectionThere()
    if code == "ResourceNotFoundException":
        return CollectionMissing()
    if code == OUTDATED:
        return CollectionOutdated()
    if code in _UNAVAILABLE or status >= 500:
        log.warning("[AWS] %s %s: %s", status, code, message)
        return EngineUnavailable(_UNAVAILABLE.get(code))
    return EngineRefused(f"{_REFUSED.get(code, 'The face engine refused.')} ({code}: {message})")
