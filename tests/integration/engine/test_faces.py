"""Finding, indexing, searching and comparing faces, through the AWS client."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from findme.engine.app import open_service
from findme.engine.operations import images
from tests.support.engine_service import Client, admiral, astronaut, both, jpeg, scene

pytest_plugins = ["tests.support.engine_fixtures"]


@pytest.fixture
async def party(rekognition: Client) -> Client:
    """The service with one empty collection."""
    await rekognition.create_collection(CollectionId="party")
    return rekognition


async def indexed(client: Client, picture: Image.Image, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await client.index_faces(
        CollectionId="party", Image={"Bytes": jpeg(picture)}, **members
    )
    return answer


async def test_faces_are_described(rekognition: Client) -> None:
    answer = await rekognition.detect_faces(Image={"Bytes": jpeg(both())}, Attributes=["ALL"])

    larger, smaller = answer["FaceDetails"]
    assert larger["BoundingBox"]["Left"] > 0.5 > smaller["BoundingBox"]["Left"]
    assert [mark["Type"] for mark in larger["Landmarks"]] == [
        "eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight",
    ]  # fmt: skip
    for face in (larger, smaller):
        box, marks = face["BoundingBox"], face["Landmarks"]
        assert all(box["Left"] < mark["X"] < box["Left"] + box["Width"] for mark in marks)
        assert all(box["Top"] < mark["Y"] < box["Top"] + box["Height"] for mark in marks)
        assert all(-30 < face["Pose"][angle] < 30 for angle in ("Roll", "Yaw", "Pitch"))
        assert all(20 < face["Quality"][name] <= 100 for name in ("Brightness", "Sharpness"))
        assert 99 < face["Confidence"] <= 100
    assert smaller["Landmarks"][0]["X"] == pytest.approx(203 / 1024, abs=0.01)
    assert smaller["Landmarks"][0]["Y"] == pytest.approx(102 / 600, abs=0.01)


async def test_a_picture_without_a_face_is_no_error(party: Client) -> None:
    data = jpeg(scene())

    assert (await party.detect_faces(Image={"Bytes": data}))["FaceDetails"] == []
    answer = await party.index_faces(CollectionId="party", Image={"Bytes": data})
    assert answer["FaceRecords"] == answer["UnindexedFaces"] == []


async def test_a_picture_without_a_face_cannot_be_searched_with(party: Client) -> None:
    nobody, somebody = {"Bytes": jpeg(scene())}, {"Bytes": jpeg(astronaut())}

    with pytest.raises(party.exceptions.InvalidParameterException):
        await party.search_faces_by_image(CollectionId="party", Image=nobody)
    with pytest.raises(party.exceptions.InvalidParameterException):
        await party.compare_faces(SourceImage=nobody, TargetImage=somebody)
    with pytest.raises(party.exceptions.InvalidParameterException):
        await party.compare_faces(SourceImage=somebody, TargetImage=nobody)


async def test_the_same_picture_adds_its_faces_once(party: Client) -> None:
    first = await indexed(party, both(), ExternalImageId="p:1")
    again, meanwhile = await asyncio.gather(
        indexed(party, both(), ExternalImageId="p:1"), indexed(party, both(), ExternalImageId="p:1")
    )

    assert first["FaceRecords"] == again["FaceRecords"] == meanwhile["FaceRecords"]
    assert (await party.describe_collection(CollectionId="party"))["FaceCount"] == 2


async def test_face_ids_follow_from_picture_and_name(party: Client) -> None:
    """Another name makes other faces; the same in another collection makes the same."""
    await party.create_collection(CollectionId="other")
    data = jpeg(astronaut())

    async def face(collection: str, name: str | None) -> dict[str, Any]:
        extra = {"ExternalImageId": name} if name else {}
        answer = await party.index_faces(CollectionId=collection, Image={"Bytes": data}, **extra)
        record: dict[str, Any] = answer["FaceRecords"][0]["Face"]
        return record

    named, unnamed, elsewhere = (
        await face("party", "p:1"),
        await face("party", None),
        await face("other", "p:1"),
    )

    assert named == elsewhere
    assert named["FaceId"] != unnamed["FaceId"]
    assert named["ImageId"] != unnamed["ImageId"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", named["FaceId"])


async def test_faces_beyond_the_number_asked_for_are_named(party: Client) -> None:
    answer = await indexed(party, both(), MaxFaces=1)

    assert len(answer["FaceRecords"]) == 1
    assert answer["FaceRecords"][0]["FaceDetail"]["BoundingBox"]["Left"] > 0.5
    assert [face["Reasons"] for face in answer["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]]


async def test_a_face_of_no_use_is_found_and_not_indexed(party: Client) -> None:
    blurred = astronaut().filter(ImageFilter.GaussianBlur(8))
    tiny = Image.new("RGB", (160, 160), (90, 90, 90))
    tiny.paste(astronaut().resize((48, 48)), (60, 60))

    for picture, reason in ((blurred, "LOW_SHARPNESS"), (tiny, "SMALL_BOUNDING_BOX")):
        answer = await indexed(party, picture)
        assert answer["FaceRecords"] == []
        assert reason in answer["UnindexedFaces"][0]["Reasons"]
        everything = await indexed(party, picture, QualityFilter="NONE")
        assert len(everything["FaceRecords"]) == 1


async def test_a_person_is_found_on_other_pictures(party: Client) -> None:
    photo = await indexed(party, both(), ExternalImageId="p:1")
    selfie = await indexed(party, astronaut().resize((400, 400)), ExternalImageId="g:1")
    selfie_id = selfie["FaceRecords"][0]["Face"]["FaceId"]

    by_face = await party.search_faces(CollectionId="party", FaceId=selfie_id)
    by_image = await party.search_faces_by_image(
        CollectionId="party", Image={"Bytes": jpeg(astronaut())}, FaceMatchThreshold=80.0
    )

    smaller = photo["FaceRecords"][1]["Face"]
    assert by_face["SearchedFaceId"] == selfie_id
    assert [match["Face"] for match in by_face["FaceMatches"]] == [smaller]
    assert by_face["FaceMatches"][0]["Similarity"] > 95
    found = by_image["FaceMatches"]
    assert {match["Face"]["FaceId"] for match in found} == {selfie_id, smaller["FaceId"]}
    assert found[0]["Similarity"] >= found[1]["Similarity"] > 95
    assert by_image["SearchedFaceConfidence"] > 99


async def test_a_search_keeps_to_threshold_and_number(party: Client) -> None:
    await indexed(party, both(), ExternalImageId="p:1")
    image = {"Bytes": jpeg(astronaut())}

    async def found(**limits: Any) -> list[dict[str, Any]]:
        answer = await party.search_faces_by_image(CollectionId="party", Image=image, **limits)
        matches: list[dict[str, Any]] = answer["FaceMatches"]
        return matches

    assert len(await found(FaceMatchThreshold=0.0)) == 2
    assert len(await found(FaceMatchThreshold=0.0, MaxFaces=1)) == 1
    assert len(await found()) == 1
    assert await found(FaceMatchThreshold=100.0) == []


async def test_collections_are_searched_apart(party: Client) -> None:
    await party.create_collection(CollectionId="other")
    await indexed(party, astronaut())

    answer = await party.search_faces_by_image(
        CollectionId="other", Image={"Bytes": jpeg(astronaut())}, FaceMatchThreshold=0.0
    )

    assert answer["FaceMatches"] == []


async def test_two_pictures_are_compared(rekognition: Client) -> None:
    answer = await rekognition.compare_faces(
        SourceImage={"Bytes": jpeg(admiral())}, TargetImage={"Bytes": jpeg(both())}
    )

    assert answer["SourceImageFace"]["Confidence"] > 99
    assert [match["Face"]["BoundingBox"]["Left"] > 0.5 for match in answer["FaceMatches"]] == [True]
    assert answer["FaceMatches"][0]["Similarity"] > 97
    assert len(answer["UnmatchedFaces"]) == 1


async def test_a_turned_jpeg_is_seen_upright(rekognition: Client) -> None:
    """Orientation 6: the same picture, stored lying on its side."""
    stored = admiral().transpose(Image.Transpose.ROTATE_90)

    upright = await rekognition.detect_faces(Image={"Bytes": jpeg(admiral())})
    turned = await rekognition.detect_faces(Image={"Bytes": jpeg(stored, orientation=6)})

    expected, actual = upright["FaceDetails"][0], turned["FaceDetails"][0]
    assert actual["BoundingBox"] == pytest.approx(expected["BoundingBox"], abs=0.01)
    assert actual["Pose"] == pytest.approx(expected["Pose"], abs=3)


async def test_a_selfie_does_not_wait_for_the_photos_before_it(engine_data: Path) -> None:
    finished: list[str] = []
    async with open_service(engine_data, threads=1) as service:
        await service.stored(lambda gallery: gallery.create("party", {}))

        async def index(name: str, **members: Any) -> None:
            picture = {"Bytes": jpeg(both())}
            await images.index_faces(
                service,
                {"CollectionId": "party", "Image": picture, "ExternalImageId": name, **members},
            )
            finished.append(name)

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(index(f"photo-{number}"))
            group.create_task(index("selfie", MaxFaces=1))

    assert finished.index("selfie") <= 1


async def test_pictures_that_are_none_are_refused(rekognition: Client) -> None:
    with pytest.raises(rekognition.exceptions.InvalidImageFormatException):
        await rekognition.detect_faces(Image={"Bytes": b"GIF89a" + bytes(200)})
    with pytest.raises(rekognition.exceptions.InvalidImageFormatException):
        await rekognition.detect_faces(Image={"Bytes": jpeg(astronaut())[:9000]})
    with pytest.raises(rekognition.exceptions.InvalidParameterException):
        await rekognition.detect_faces(Image={"Bytes": jpeg(Image.new("RGB", (79, 300)))})
    with pytest.raises(rekognition.exceptions.InvalidS3ObjectException):
        await rekognition.detect_faces(Image={"S3Object": {"Bucket": "party", "Name": "a.jpg"}})


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_an_image_over_the_limit_is_named_too_large(rekognition: Client) -> None:
    largest = jpeg(astronaut()).ljust(5_242_880, b"\0")

    assert len((await rekognition.detect_faces(Image={"Bytes": largest}))["FaceDetails"]) == 1
    for beyond in (1, 6_000_000):
        with pytest.raises(rekognition.exceptions.ImageTooLargeException):
            await rekognition.detect_faces(Image={"Bytes": largest + bytes(beyond)})
