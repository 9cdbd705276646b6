"""Requests and answers of AWS JSON 1.1, checked against the service model that botocore carries."""

import base64
import binascii
import functools
import re
from typing import Any

import orjson
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

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
    """Read and check the members of a request; blobs come back as bytes."""
    try:
        members = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise SerializationException from error
    if not isinstance(members, dict):
        raise SerializationException
    model: OperationModel = service_model().operation_model(operation)
    checked: Members = _check(model.input_shape, members, "")
    for name in ("Image", "SourceImage", "TargetImage"):
        if name in checked:
            _check_image(checked[name])
    return checked


def _check_image(image: Members) -> None:
    """Exactly one of Bytes and S3Object, and S3 can't be reached from here."""
    if len(image) != 1:
        raise InvalidParameterException("Image must have either Bytes or S3Object.")
    if "S3Object" in image:
        raise InvalidS3ObjectException


def _check(shape: Shape, value: Any, path: str) -> Any:
    """Return *value* as *shape* wants it, or say what is wrong at *path*."""
    match shape.type_name:
        case "structure":
            return _check_structure(shape, value, path)
        case "list":
            return _check_list(shape, value, path)
        case "map":
            return _check_map(shape, value, path)
        case "blob":
            return _check_blob(value, path)
        case "string":
            _expect(isinstance(value, str), path, "a string")
            return _check_string(shape, value, path)
        case "integer" | "long":
            _expect(isinstance(value, int) and not isinstance(value, bool), path, "an integer")
            _check_range(shape, value, value, "value", path)
            return value
        case "float" | "double":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            _expect(number, path, "a number")
            _check_range(shape, value, value, "value", path)
            return float(value)
        case "boolean":
            _expect(isinstance(value, bool), path, "a boolean")
            return value
    return value


def _expect(holds: bool, path: str, what: str) -> None:
    if not holds:
        raise InvalidParameterException(f"The value at '{path}' must be {what}.")


def _check_structure(shape: StructureShape, value: Any, path: str) -> Members:
    _expect(isinstance(value, dict), path, "a structure")
    for name in shape.required_members:
        if value.get(name) is None:
            raise InvalidParameterException(_unmet("null", f"{path}{name}", "must not be null"))
    # As in AWS, members that the model does not know are passed over.
    return {
        name: _check(member, value[name], f"{path}{name}")
        if member.type_name != "structure"
        else _check(member, value[name], f"{path}{name}.")
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _check_list(shape: ListShape, value: Any, path: str) -> list[Any]:
    _expect(isinstance(value, list), path, "a list")
    _check_range(shape, len(value), value, "length", path)
    return [_check(shape.member, item, f"{path}.{index + 1}") for index, item in enumerate(value)]


def _check_map(shape: MapShape, value: Any, path: str) -> Members:
    _expect(isinstance(value, dict), path, "a map")
    _check_range(shape, len(value), value, "length", path)
    return {
        _check(shape.key, key, f"{path}.key"): _check(shape.value, item, f"{path}.{key}")
        for key, item in value.items()
    }


def _check_string(shape: Shape, value: str, path: str) -> str:
    _check_range(shape, len(value), value, "length", path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise InvalidParameterException(
            _unmet(value, path, f"must satisfy regular expression pattern: {pattern}")
        )
    # botocore keeps the allowed values of a string at the shape itself.
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        raise InvalidParameterException(
            _unmet(value, path, f"must satisfy enum value set: [{', '.join(allowed)}]")
        )
    return value


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile one of the model's patterns, which name classes of characters as Java does."""
    for java, python in (("\\p{L}", "\\w"), ("\\p{N}", "\\d"), ("\\p{Z}", "\\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _check_range(shape: Shape, size: float, value: object, what: str, path: str) -> None:
    """Check a number or a length: the model names the limits of both alike."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        raise InvalidParameterException(
            _unmet(value, path, f"must have {what} greater than or equal to {least}")
        )
    # Written so that it refuses NaN too.
    if most is not None and not size <= most:
        raise InvalidParameterException(
            _unmet(value, path, f"must have {what} less than or equal to {most}")
        )


def _check_blob(value: Any, path: str) -> bytes:
    """Every blob of this service is an image."""
    _expect(isinstance(value, str), path, "base64")
    if len(value) // 4 * 3 - 2 > MAX_IMAGE_BYTES:
        raise ImageTooLargeException
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterException(f"The value at '{path}' must be base64.") from error
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLargeException
    if not data:
        raise InvalidParameterException(
            _unmet("", path, "must have length greater than or equal to 1")
        )
    return data


def _unmet(value: object, path: str, constraint: str) -> str:
    shown = str(value)[:200]
    return (
        f"1 validation error detected: Value '{shown}' at '{path}' "
        f"failed to satisfy constraint: Member {constraint}"
    )
