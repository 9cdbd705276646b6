"""Collections and stored faces, through the AWS client."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from findme.engine import FACE_MODEL_VERSION
from tests.support.engine_service import Client, astronaut, both, jpeg

pytest_plugins = ["tests.support.engine_fixtures"]

NO_FACE = "00000000-0000-0000-0000-000000000000"


async def test_a_collection_is_made_described_and_deleted(rekognition: Client) -> None:
    before = datetime.now(UTC)

    made = await rekognition.create_collection(CollectionId="party", Tags={"kind": "test"})
    described = await rekognition.describe_collection(CollectionId="party")
    deleted = await rekognition.delete_collection(CollectionId="party")

    assert made["StatusCode"] == deleted["StatusCode"] == 200
    assert made["CollectionArn"].endswith(":collection/party")
    assert made["CollectionArn"] == described["CollectionARN"]
    assert described["FaceCount"] == described["UserCount"] == 0
    assert made["FaceModelVersion"] == described["FaceModelVersion"] == FACE_MODEL_VERSION
    assert abs(described["CreationTimestamp"] - before) < timedelta(minutes=1)


async def test_a_collection_is_made_once(rekognition: Client) -> None:
    await rekognition.create_collection(CollectionId="party")

    with pytest.raises(rekognition.exceptions.ResourceAlreadyExistsException):
        await rekognition.create_collection(CollectionId="party")
    await rekognition.create_collection(CollectionId="Party")


OF_A_COLLECTION: Sequence[tuple[str, dict[str, object]]] = [
    ("describe_collection", {}),
    ("delete_collection", {}),
    ("list_faces", {}),
    ("delete_faces", {"FaceIds": [NO_FACE]}),
    ("search_faces", {"FaceId": NO_FACE}),
    ("index_faces", {"Image": {"Bytes": b"unread"}}),
    ("search_faces_by_image", {"Image": {"Bytes": b"unread"}}),
    ("search_users_by_image", {"Image": {"Bytes": b"unread"}}),
    ("create_user", {"UserId": "u"}),
    ("delete_user", {"UserId": "u"}),
    ("list_users", {}),
    ("search_users", {"UserId": "u"}),
    ("associate_faces", {"UserId": "u", "FaceIds": [NO_FACE]}),
    ("disassociate_faces", {"UserId": "u", "FaceIds": [NO_FACE]}),
]


async def test_without_the_collection_every_operation_says_so(rekognition: Client) -> None:
    for operation, members in OF_A_COLLECTION:
        with pytest.raises(rekognition.exceptions.ResourceNotFoundException):
            await getattr(rekognition, operation)(CollectionId="nowhere", **members)


async def test_collections_are_listed_page_by_page(rekognition: Client) -> None:
    names = [f"event-{number}" for number in range(5)]
    for name in names:
        await rekognition.create_collection(CollectionId=name)

    paginator = rekognition.get_paginator("list_collections")
    pages = [page async for page in paginator.paginate(PaginationConfig={"PageSize": 2})]

    assert [len(page["CollectionIds"]) for page in pages] == [2, 2, 1]
    assert [name for page in pages for name in page["CollectionIds"]] == names
    assert [len(page["FaceModelVersions"]) for page in pages] == [2, 2, 1]
    assert "NextToken" not in pages[-1]


async def test_faces_are_listed_page_by_page_and_by_id(rekognition: Client) -> None:
    await rekognition.create_collection(CollectionId="party")
    indexed = await rekognition.index_faces(
        CollectionId="party", Image={"Bytes": jpeg(both())}, ExternalImageId="p:1"
    )
    await rekognition.index_faces(CollectionId="party", Image={"Bytes": jpeg(astronaut())})
    ids = [record["Face"]["FaceId"] for record in indexed["FaceRecords"]]

    everything = await rekognition.list_faces(CollectionId="party")
    paginator = rekognition.get_paginator("list_faces")
    pages = [
        page
        async for page in paginator.paginate(CollectionId="party", PaginationConfig={"PageSize": 2})
    ]
    some = await rekognition.list_faces(CollectionId="party", FaceIds=[*ids, NO_FACE])

    assert [len(page["Faces"]) for page in pages] == [2, 1]
    assert [face for page in pages for face in page["Faces"]] == everything["Faces"]
    assert [face["FaceId"] for face in some["Faces"]] == ids
    assert indexed["FaceRecords"][0]["Face"] == some["Faces"][0]
    assert "ExternalImageId" not in everything["Faces"][2]


async def test_a_token_of_another_list_is_refused(rekognition: Client) -> None:
    await rekognition.create_collection(CollectionId="one")
    await rekognition.create_collection(CollectionId="two")
    token = (await rekognition.list_collections(MaxResults=1))["NextToken"]

    with pytest.raises(rekognition.exceptions.InvalidPaginationTokenException):
        await rekognition.list_faces(CollectionId="one", NextToken=token)
    with pytest.raises(rekognition.exceptions.InvalidPaginationTokenException):
        await rekognition.list_collections(NextToken="made up")


async def test_deleted_faces_are_gone_and_unknown_ones_are_named(rekognition: Client) -> None:
    await rekognition.create_collection(CollectionId="party")
    indexed = await rekognition.index_faces(CollectionId="party", Image={"Bytes": jpeg(both())})
    first, second = (record["Face"]["FaceId"] for record in indexed["FaceRecords"])

    deleted = await rekognition.delete_faces(CollectionId="party", FaceIds=[first, NO_FACE, first])

    assert deleted["DeletedFaces"] == [first]
    assert deleted["UnsuccessfulFaceDeletions"] == [
        {"FaceId": NO_FACE, "Reasons": ["FACE_NOT_FOUND"]}
    ]
    left = await rekognition.list_faces(CollectionId="party")
    assert [face["FaceId"] for face in left["Faces"]] == [second]
    assert (await rekognition.describe_collection(CollectionId="party"))["FaceCount"] == 1
    with pytest.raises(rekognition.exceptions.InvalidParameterException):
        await rekognition.search_faces(CollectionId="party", FaceId=first)


async def test_a_deleted_collection_takes_its_faces_along(rekognition: Client) -> None:
    for _ in range(2):
        await rekognition.create_collection(CollectionId="party")
        assert (await rekognition.list_faces(CollectionId="party"))["Faces"] == []
        await rekognition.index_faces(CollectionId="party", Image={"Bytes": jpeg(astronaut())})
        await rekognition.delete_collection(CollectionId="party")


async def test_what_aws_refuses_is_refused(rekognition: Client) -> None:
    """botocore lets all of these pass; the service has to see them."""
    await rekognition.create_collection(CollectionId="party")
    wrong: list[tuple[str, dict[str, object]]] = [
        ("create_collection", {"CollectionId": "bad id!"}),
        ("create_collection", {"CollectionId": "x" * 300}),
        ("create_collection", {}),
        ("search_faces", {"CollectionId": "party", "FaceId": "not a uuid"}),
        ("search_faces", {"CollectionId": "party", "FaceId": NO_FACE, "MaxFaces": 5000}),
        ("search_faces", {"CollectionId": "party", "FaceId": NO_FACE, "FaceMatchThreshold": 101.0}),
        ("list_faces", {"CollectionId": "party", "MaxResults": 5000}),
    ]
    for operation, members in wrong:
        with pytest.raises(ClientError) as caught:
            await getattr(rekognition, operation)(**members)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
