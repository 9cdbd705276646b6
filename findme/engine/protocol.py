"""Requests of AWS JSON 1.1, checked against the service model that botocore carries.

botocore's own validator checks types, required members and minima. It knows no maxima, patterns or
allowed values, so those are checked here.
"""

import base64
import binascii
import functools
import re
from typing import Any

import orjson
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from findme.engine.errors import (
    ImageTooLargeException,
    InvalidParameterException,
    InvalidS3ObjectException,
    SerializationException,
    UnknownOperationException,
)

TARGET_PREFIX = "RekognitionService."
CONTENT_TYPE = "application/x-amz-json-1.1"
MAX_IMAGE_BYTES = 5_242_880
"""AWS's limit for an image in the request."""
MAX_BODY_BYTES = 8 * 1024 * 1024
"""An image of the size above is 6,990,508 bytes in base64; the rest of a request is small."""
LONGEST_LIST = 4096
"""If the model sets no limit: the validator reports every wrong item, not only the first."""
LONGEST_MESSAGE = 500
"""Characters: the validator's sentences quote values whole."""

Members = dict[str, Any]
"""The members of a request or an answer, by their names on the wire."""


@functools.cache
def service_model() -> ServiceModel:
    """Rekognition's own model."""
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")


def operation_of(target: str | None) -> str:
    """Name of the operation in an ``X-Amz-Target`` header."""
    if target is None or not target.startswith(TARGET_PREFIX):
        raise UnknownOperationException
    return target.removeprefix(TARGET_PREFIX)


def parse(operation: str, body: bytes) -> Members:
    """Read and check the members of a request; blobs come back as bytes.

    As in AWS, null means not given, and members that the model does not know are ignored.
    """
    try:
        members = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise SerializationException from error
    if not isinstance(members, dict):
        raise SerializationException
    model: OperationModel = service_model().operation_model(operation)
    prepared: Members = _prepare(model.input_shape, members, "")
    report = ParamValidator().validate(prepared, model.input_shape)
    if report.has_errors():
        first = report.generate_report().partition("\n")[0]
        raise InvalidParameterException(first[:LONGEST_MESSAGE])
    for name in ("Image", "SourceImage", "TargetImage"):
        if name in prepared:
            _check_image(prepared[name])
    return prepared


def _check_image(image: Members) -> None:
    """Exactly one of Bytes and S3Object, and S3 can't be reached from here."""
    if len(image) != 1:
        raise InvalidParameterException("Image must have either Bytes or S3Object.")
    if "S3Object" in image:
        raise InvalidS3ObjectException


def _prepare(shape: Shape, value: Any, path: str) -> Any:
    """Return *value* without what is ignored and with blobs decoded; check what is ours to check.

    A value of another type than the shape's is left to botocore's validator.
    """
    match shape.type_name, value:
        case "structure", dict():
            return {
                name: _prepare(member, value[name], f"{path}.{name}".lstrip("."))
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list", list():
            _check_most(shape, len(value), "length", path, LONGEST_LIST)
            return [
                _prepare(shape.member, item, f"{path}.{number}")
                for number, item in enumerate(value, start=1)
            ]
        case "map", dict():
            _check_most(shape, len(value), "length", path)
            return {
                _prepare(shape.key, key, f"{path}.key"): _prepare(
                    shape.value, item, f"{path}.{key}"
                )
                for key, item in value.items()
            }
        case "blob", str():
            return _decode_image(value, path)
        case "string", str():
            _check_string(shape, value, path)
        case "integer" | "long" | "float" | "double", bool():
            # to Python, and so to the validator, true is a number
            raise InvalidParameterException(f"The value at '{path}' must be a number.")
        case "integer" | "long" | "float" | "double", int() | float():
            _check_most(shape, value, "value", path)
            return value if shape.type_name in ("integer", "long") else float(value)
    return value


def _check_most(
    shape: Shape, size: float, what: str, path: str, default: int | None = None
) -> None:
    """Check a number or a length against the model's maximum."""
    most = shape.metadata.get("max", default)
    if most is not None and size > most:
        raise _unmet(size, path, f"must have {what} less than or equal to {most}")


def _check_string(shape: Shape, value: str, path: str) -> None:
    _check_most(shape, len(value), "length", path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise _unmet(value, path, f"must satisfy regular expression pattern: {pattern}")
    # botocore keeps the allowed values of a string at the shape itself
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        raise _unmet(value, path, f"must satisfy enum value set: [{', '.join(allowed)}]")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile one of the model's patterns, which name classes of characters as Java does."""
    for java, python in (("\\p{L}", "\\w"), ("\\p{N}", "\\d"), ("\\p{Z}", "\\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _decode_image(value: str, path: str) -> bytes:
    """Decode the base64 of a blob; every blob of this service is an image."""
    if len(value) // 4 * 3 - 2 > MAX_IMAGE_BYTES:
        raise ImageTooLargeException
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterException(f"The value at '{path}' must be base64.") from error
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLargeException
    if not data:
        raise _unmet("", path, "must have length greater than or equal to 1")
    return data


def _unmet(value: object, path: str, constraint: str) -> InvalidParameterException:
    """Return the refusal in AWS's own words."""
    return InvalidParameterException(
        f"1 validation error detected: Value '{str(value)[:200]}' at '{path}' "
        f"failed to satisfy constraint: Member {constraint}"
    )
