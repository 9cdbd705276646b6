"""Requests against Rekognition's model: one test for each kind of limit."""

import base64
from typing import Any

import orjson
import pytest

from findme.engine.errors import (
    ImageTooLargeException,
    InvalidParameterException,
    InvalidS3ObjectException,
    SerializationException,
    UnknownOperationException,
)
from findme.engine.protocol import MAX_IMAGE_BYTES, Members, operation_of, parse

FACE_ID = "01234567-89ab-cdef-0123-456789abcdef"
IMAGE = {"Bytes": base64.b64encode(b"picture").decode()}


def asked(operation: str, **members: Any) -> Members:
    return parse(operation, orjson.dumps(members))


def refused(operation: str, **members: Any) -> str:
    with pytest.raises(InvalidParameterException) as caught:
        asked(operation, **members)
    return str(caught.value)


def test_the_operation_stands_in_the_target() -> None:
    assert operation_of("RekognitionService.IndexFaces") == "IndexFaces"


@pytest.mark.parametrize("target", [None, "", "IndexFaces", "Other.IndexFaces"])
def test_another_target_is_an_unknown_operation(target: str | None) -> None:
    with pytest.raises(UnknownOperationException):
        operation_of(target)


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationException):
        parse("ListCollections", body)


def test_no_body_means_no_members() -> None:
    assert parse("ListCollections", b"") == {}


def test_members_come_back_with_blobs_as_bytes_and_numbers_as_floats() -> None:
    members = asked(
        "SearchFacesByImage", CollectionId="party", Image=IMAGE, FaceMatchThreshold=80, Unknown=1
    )

    assert members == {
        "CollectionId": "party",
        "Image": {"Bytes": b"picture"},
        "FaceMatchThreshold": 80.0,
    }
    assert isinstance(members["FaceMatchThreshold"], float)


def test_a_null_member_is_a_missing_one() -> None:
    assert asked("ListCollections", NextToken=None) == {}
    assert "CollectionId" in refused("DescribeCollection", CollectionId=None)


def test_required_members_must_be_there() -> None:
    message = refused("IndexFaces", CollectionId="party")

    assert message == 'Missing required parameter in input: "Image"'


@pytest.mark.parametrize(
    "members",
    [
        {"FaceIds": [1] * 1_000_000},
        {"FaceIds": [["x" * 1000]] * 4096},
        {"FaceIds": {"x" * 1000: "y" * 1000}},
        {"CollectionId": ["x" * 1_000_000]},
    ],
    ids=["many items", "large items", "no list", "no string"],
)
def test_a_refusal_stays_short_whatever_was_sent(members: Members) -> None:
    assert len(refused("DeleteFaces", **{"CollectionId": "party", **members})) <= 500


def test_a_list_without_a_limit_in_the_model_has_one() -> None:
    asked("DetectFaces", Image=IMAGE, Attributes=["ALL"] * 4096)
    assert "4096" in refused("DetectFaces", Image=IMAGE, Attributes=[1] * 4097)


@pytest.mark.parametrize("name", ["", "bad id!", "colon:", "x" * 256, "é"])
def test_a_collection_is_named_by_1_to_255_plain_characters(name: str) -> None:
    refused("CreateCollection", CollectionId=name)


def test_the_longest_collection_name_is_taken() -> None:
    assert len(asked("CreateCollection", CollectionId="x" * 255)["CollectionId"]) == 255


@pytest.mark.parametrize("face_id", ["nope", FACE_ID.upper(), FACE_ID + "\n", FACE_ID[:-1]])
def test_a_face_id_is_a_lower_case_uuid(face_id: str) -> None:
    assert "pattern" in refused("SearchFaces", CollectionId="party", FaceId=face_id)


@pytest.mark.parametrize("threshold", [-0.1, 100.1, "80", True])
def test_a_threshold_is_a_number_from_0_to_100(threshold: object) -> None:
    refused("SearchFaces", CollectionId="party", FaceId=FACE_ID, FaceMatchThreshold=threshold)


@pytest.mark.parametrize("most", [0, 4097, 2.5, "3", False])
def test_a_search_asks_for_1_to_4096_faces(most: object) -> None:
    refused("SearchFaces", CollectionId="party", FaceId=FACE_ID, MaxFaces=most)


@pytest.mark.parametrize("size", [-1, 4097])
def test_a_page_has_at_most_4096_items(size: int) -> None:
    refused("ListFaces", CollectionId="party", MaxResults=size)


@pytest.mark.parametrize("count", [0, 4097])
def test_1_to_4096_faces_are_deleted_at_once(count: int) -> None:
    refused("DeleteFaces", CollectionId="party", FaceIds=[FACE_ID] * count)


@pytest.mark.parametrize("count", [0, 101])
def test_1_to_100_faces_are_associated_at_once(count: int) -> None:
    refused("AssociateFaces", CollectionId="party", UserId="u", FaceIds=[FACE_ID] * count)


def test_every_item_of_a_list_is_checked() -> None:
    assert "FaceIds.2" in refused("DeleteFaces", CollectionId="a", FaceIds=[FACE_ID, "x"])


def test_a_quality_filter_is_one_of_five() -> None:
    assert "NOPE" in refused("IndexFaces", CollectionId="party", Image=IMAGE, QualityFilter="NOPE")


@pytest.mark.parametrize("name", ["", "with space", "x" * 256])
def test_an_external_image_id_is_1_to_255_plain_characters(name: str) -> None:
    refused("IndexFaces", CollectionId="party", Image=IMAGE, ExternalImageId=name)


def test_tags_are_limited_in_length() -> None:
    refused("CreateCollection", CollectionId="party", Tags={"k": "v" * 257})
    refused("CreateCollection", CollectionId="party", Tags={"k" * 129: "v"})
    assert asked("CreateCollection", CollectionId="a", Tags={"k": "v"})["Tags"] == {"k": "v"}


@pytest.mark.parametrize(
    "image", [{}, {"Bytes": ""}, {"Bytes": "***"}, {"Bytes": 5}, {"Bytes": "abc"}, "text", []]
)
def test_an_image_is_base64(image: object) -> None:
    refused("DetectFaces", Image=image)


def test_an_image_in_s3_is_out_of_reach() -> None:
    with pytest.raises(InvalidS3ObjectException):
        asked("DetectFaces", Image={"S3Object": {"Bucket": "party", "Name": "a.jpg"}})


def test_an_image_has_at_most_5_mib() -> None:
    largest = base64.b64encode(bytes(MAX_IMAGE_BYTES)).decode()
    too_large = base64.b64encode(bytes(MAX_IMAGE_BYTES + 1)).decode()

    assert len(asked("DetectFaces", Image={"Bytes": largest})["Image"]["Bytes"]) == MAX_IMAGE_BYTES
    with pytest.raises(ImageTooLargeException):
        asked("DetectFaces", Image={"Bytes": too_large})
    with pytest.raises(ImageTooLargeException):
        asked("DetectFaces", Image={"Bytes": "A" * 7_900_000})


def test_a_client_request_token_is_short_and_plain() -> None:
    refused("CreateUser", CollectionId="party", UserId="u", ClientRequestToken="x" * 65)
    refused("CreateUser", CollectionId="party", UserId="u", ClientRequestToken="no spaces")
