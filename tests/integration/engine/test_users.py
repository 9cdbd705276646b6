"""Users of a collection, through the AWS client."""

from typing import Any

import pytest

from tests.support.engine_service import Client, admiral, astronaut, both, jpeg, scene

pytest_plugins = ["tests.support.engine_fixtures"]

NO_FACE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def client(rekognition: Client) -> Client:
    """The service with one collection and the users eileen and grace."""
    await rekognition.create_collection(CollectionId="party")
    for user in ("eileen", "grace"):
        await rekognition.create_user(CollectionId="party", UserId=user)
    return rekognition


async def faces_of(client: Client, *pictures: bytes) -> list[str]:
    """Index pictures; the ids of their faces, largest first."""
    return [
        record["Face"]["FaceId"]
        for data in pictures
        for record in (await client.index_faces(CollectionId="party", Image={"Bytes": data}))[
            "FaceRecords"
        ]
    ]


async def associate(client: Client, user: str, *faces: str, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await client.associate_faces(
        CollectionId="party", UserId=user, FaceIds=list(faces), **members
    )
    return answer


async def test_users_are_made_listed_and_deleted(client: Client) -> None:
    with pytest.raises(client.exceptions.ConflictException):
        await client.create_user(CollectionId="party", UserId="eileen")
    paginator = client.get_paginator("list_users")
    pages = [
        page
        async for page in paginator.paginate(CollectionId="party", PaginationConfig={"PageSize": 1})
    ]
    assert (await client.describe_collection(CollectionId="party"))["UserCount"] == 2
    await client.delete_user(CollectionId="party", UserId="grace")

    assert [page["Users"] for page in pages] == [
        [{"UserId": "eileen", "UserStatus": "CREATED"}],
        [{"UserId": "grace", "UserStatus": "CREATED"}],
    ]
    left = await client.list_users(CollectionId="party")
    assert [user["UserId"] for user in left["Users"]] == ["eileen"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        await client.delete_user(CollectionId="party", UserId="grace")


async def test_a_user_takes_faces_like_each_other(client: Client) -> None:
    eileen, again, grace = await faces_of(
        client, jpeg(astronaut()), jpeg(astronaut().resize((400, 400))), jpeg(admiral())
    )

    first = await associate(client, "eileen", eileen)
    more = await associate(client, "eileen", eileen, again, grace, NO_FACE)

    assert first["AssociatedFaces"] == [{"FaceId": eileen}]
    assert first["UserStatus"] == "ACTIVE"
    assert more["AssociatedFaces"] == [{"FaceId": eileen}, {"FaceId": again}]
    unlike, missing = more["UnsuccessfulFaceAssociations"]
    assert (unlike["FaceId"], unlike["Reasons"]) == (grace, ["LOW_MATCH_CONFIDENCE"])
    assert unlike["Confidence"] < 75
    assert (missing["FaceId"], missing["Reasons"]) == (NO_FACE, ["FACE_NOT_FOUND"])
    listed = await client.list_faces(CollectionId="party", UserId="eileen")
    assert [(face["FaceId"], face["UserId"]) for face in listed["Faces"]] == [
        (eileen, "eileen"),
        (again, "eileen"),
    ]


async def test_a_face_has_one_user(client: Client) -> None:
    (face,) = await faces_of(client, jpeg(astronaut()))
    await associate(client, "eileen", face)

    refused = await associate(client, "grace", face)
    kept = await client.delete_faces(CollectionId="party", FaceIds=[face])
    freed_by_another = await client.disassociate_faces(
        CollectionId="party", UserId="grace", FaceIds=[face, NO_FACE]
    )

    other = {"FaceId": face, "UserId": "eileen", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}
    assert refused["UnsuccessfulFaceAssociations"] == [other]
    assert refused["UserStatus"] == "CREATED"
    assert kept["DeletedFaces"] == []
    assert kept["UnsuccessfulFaceDeletions"][0]["Reasons"] == ["ASSOCIATED_TO_AN_EXISTING_USER"]
    assert freed_by_another["UnsuccessfulFaceDisassociations"][0] == other


async def test_a_freed_face_stays_in_the_collection(client: Client) -> None:
    (face,) = await faces_of(client, jpeg(astronaut()))
    await associate(client, "eileen", face)

    freed = await client.disassociate_faces(CollectionId="party", UserId="eileen", FaceIds=[face])

    assert freed["DisassociatedFaces"] == [{"FaceId": face}]
    assert freed["UserStatus"] == "CREATED"
    assert (await client.delete_faces(CollectionId="party", FaceIds=[face]))["DeletedFaces"] == [
        face
    ]


async def test_a_deleted_user_leaves_the_faces(client: Client) -> None:
    (face,) = await faces_of(client, jpeg(astronaut()))
    await associate(client, "eileen", face)

    await client.delete_user(CollectionId="party", UserId="eileen")

    listed = await client.list_faces(CollectionId="party")
    assert [(item["FaceId"], "UserId" in item) for item in listed["Faces"]] == [(face, False)]


async def test_users_are_found_by_face_by_user_and_by_picture(client: Client) -> None:
    larger, smaller = await faces_of(client, jpeg(both()))
    (selfie,) = await faces_of(client, jpeg(astronaut()))
    await associate(client, "eileen", smaller)
    await associate(client, "grace", larger)

    by_face = await client.search_users(CollectionId="party", FaceId=selfie)
    by_user = await client.search_users(
        CollectionId="party", UserId="eileen", UserMatchThreshold=0.0, MaxUsers=5
    )
    by_picture = await client.search_users_by_image(
        CollectionId="party", Image={"Bytes": jpeg(both())}, UserMatchThreshold=0.0, MaxUsers=1
    )

    assert by_face["SearchedFace"] == {"FaceId": selfie}
    assert [match["User"]["UserId"] for match in by_face["UserMatches"]] == ["eileen"]
    assert by_face["UserMatches"][0]["Similarity"] > 95
    assert by_user["SearchedUser"] == {"UserId": "eileen"}
    assert [match["User"]["UserId"] for match in by_user["UserMatches"]] == ["grace"]
    assert [match["User"]["UserId"] for match in by_picture["UserMatches"]] == ["grace"]
    assert by_picture["SearchedFace"]["FaceDetail"]["BoundingBox"]["Left"] > 0.5
    assert [face["Reasons"] for face in by_picture["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]]


async def test_a_picture_without_a_face_finds_no_user(client: Client) -> None:
    answer = await client.search_users_by_image(
        CollectionId="party", Image={"Bytes": jpeg(scene())}
    )

    assert answer["UserMatches"] == answer["UnsearchedFaces"] == []
    assert "SearchedFace" not in answer


async def test_a_search_names_a_face_or_a_user(client: Client) -> None:
    for members in ({}, {"FaceId": NO_FACE, "UserId": "eileen"}, {"FaceId": NO_FACE}):
        with pytest.raises(client.exceptions.InvalidParameterException):
            await client.search_users(CollectionId="party", **members)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        await client.search_users(CollectionId="party", UserId="nobody")


async def test_a_token_makes_an_operation_safe_to_repeat(client: Client) -> None:
    (face,) = await faces_of(client, jpeg(astronaut()))
    same = {"ClientRequestToken": "token-1"}

    await client.create_user(CollectionId="party", UserId="new", **same)
    await client.create_user(CollectionId="party", UserId="new", **same)
    first = await associate(client, "new", face, **same)
    await client.disassociate_faces(CollectionId="party", UserId="new", FaceIds=[face])
    again = await associate(client, "new", face, **same)

    assert first["AssociatedFaces"] == again["AssociatedFaces"]
    listed = await client.list_faces(CollectionId="party", UserId="new")
    assert listed["Faces"] == []
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        await client.create_user(CollectionId="party", UserId="other", **same)
