"""The refusals of the service. The class name is the code on the wire, the docstring what it says.

Refusal
├── InvalidParameterException, InvalidPaginationTokenException
├── ImageTooLargeException, InvalidImageFormatException, InvalidS3ObjectException
├── ResourceNotFoundException, ResourceAlreadyExistsException, ConflictException
├── FaceModelVersionMismatchException
├── IdempotentParameterMismatchException, ServiceQuotaExceededException
├── InvalidSignatureException, MissingAuthenticationTokenException, UnrecognizedClientException
├── SerializationException, UnknownOperationException
└── InternalServerError
"""


class Refusal(Exception):
    """The request can't be answered."""

    status = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")

    @property
    def code(self) -> str:
        """The name that AWS clients know it by."""
        return type(self).__name__


class InvalidParameterException(Refusal):
    """Request has invalid parameters."""


class InvalidPaginationTokenException(Refusal):
    """Request has an invalid pagination token."""


class ImageTooLargeException(Refusal):
    """Request has an image that is too large."""


class InvalidImageFormatException(Refusal):
    """Request has an invalid image format: it must be a whole JPEG or PNG."""


class InvalidS3ObjectException(Refusal):
    """Unable to get object metadata from S3: this service takes image bytes only."""


class ResourceNotFoundException(Refusal):
    """The collection or user isn't there."""


class ResourceAlreadyExistsException(Refusal):
    """The collection exists already."""


class ConflictException(Refusal):
    """A user with this id exists already."""


class FaceModelVersionMismatchException(Refusal):
    """The collection holds vectors of another face model: index its pictures into a new one."""


class IdempotentParameterMismatchException(Refusal):
    """The ClientRequestToken was used with other parameters before."""


class ServiceQuotaExceededException(Refusal):
    """A user holds at most 100 faces."""


class InvalidSignatureException(Refusal):
    """The request signature we calculated does not match the signature you provided."""


class MissingAuthenticationTokenException(Refusal):
    """Request is missing Authentication Token."""


class UnrecognizedClientException(Refusal):
    """The security token included in the request is invalid."""


class SerializationException(Refusal):
    """The body is not a JSON object."""


class UnknownOperationException(Refusal):
    """The service has no such operation."""


class InternalServerError(Refusal):
    """Internal server error."""

    status = 500
