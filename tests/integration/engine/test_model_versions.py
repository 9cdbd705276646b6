"""Collections of a former face model: kept, read and searched, never mixed with today's vectors."""

from pathlib import Path

import botocore.exceptions
import numpy as np
import pytest

from findme.engine import DLIB_MODEL_VERSION, FACE_MODEL_VERSION
from findme.engine.collection_store import Gallery, StoredFace
from findme.engine.faces import Box
from tests.support.engine_service import Client, astronaut, connected, jpeg, serving

pytest_plugins = ["tests.support.engine_fixtures"]

FACE_IDS = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(3)]


@pytest.fixture
def former(engine_data: Path) -> Path:
    """A data directory as the former release left it: three faces, 0, 0.5 and 0.6 apart."""
    gallery = Gallery(engine_data)
    collection = gallery.create("former", {})
    faces = []
    for face_id, place in zip(FACE_IDS, (0.0, 0.505, 0.6), strict=True):
        vector = np.zeros(128, np.float32)
        vector[0] = place
        faces.append(
            StoredFace(face_id, face_id, None, Box(0, 0, 1, 1), 99.0, vector, DLIB_MODEL_VERSION)
        )
    gallery.add(collection, faces)
    gallery.database.execute("update collection set model = ?", (DLIB_MODEL_VERSION,))
    gallery.close()
    return engine_data


async def test_a_former_collection_is_listed_described_and_searched_on_its_own_scale(
    former: Path,
) -> None:
    async with serving(former) as url, connected(url) as client:
        await client.create_collection(CollectionId="new")
        listed = await client.list_collections(MaxResults=10)
        described = await client.describe_collection(CollectionId="former")
        faces = await client.list_faces(CollectionId="former", MaxResults=10)
        found = await client.search_faces(
            CollectionId="former", FaceId=FACE_IDS[0], FaceMatchThreshold=80, MaxFaces=10
        )

    assert listed["CollectionIds"] == ["former", "new"]
    assert listed["FaceModelVersions"] == [DLIB_MODEL_VERSION, FACE_MODEL_VERSION]
    assert (described["FaceModelVersion"], described["FaceCount"]) == (DLIB_MODEL_VERSION, 3)
    assert faces["FaceModelVersion"] == DLIB_MODEL_VERSION
    assert {face["IndexFacesModelVersion"] for face in faces["Faces"]} == {"1.0"}
    assert found["FaceModelVersion"] == DLIB_MODEL_VERSION
    assert [(match["Face"]["FaceId"], match["Similarity"]) for match in found["FaceMatches"]] == [
        (FACE_IDS[1], pytest.approx(90, abs=0.01))
    ]


@pytest.mark.parametrize(
    "operation", ["index_faces", "search_faces_by_image", "search_users_by_image"]
)
async def test_todays_vectors_are_neither_put_into_a_former_collection_nor_compared_with_it(
    former: Path, operation: str
) -> None:
    async with serving(former) as url, connected(url) as client:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            await getattr(client, operation)(
                CollectionId="former", Image={"Bytes": jpeg(astronaut())}
            )
        described = await client.describe_collection(CollectionId="former")

    error = refused.value.response["Error"]
    assert error["Code"] == "FaceModelVersionMismatchException"
    assert DLIB_MODEL_VERSION in error["Message"]
    assert FACE_MODEL_VERSION in error["Message"]
    assert described["FaceCount"] == 3


async def test_faces_of_a_former_collection_can_be_deleted_and_so_can_the_collection(
    former: Path,
) -> None:
    async with serving(former) as url, connected(url) as client:
        gone = await client.delete_faces(CollectionId="former", FaceIds=FACE_IDS[:1])
        await client.delete_collection(CollectionId="former")
        left = await client.list_collections(MaxResults=10)

    assert gone["DeletedFaces"] == FACE_IDS[:1]
    assert left["CollectionIds"] == []


async def test_a_new_collection_is_of_todays_model_throughout(rekognition: Client) -> None:
    made = await rekognition.create_collection(CollectionId="new")
    indexed = await rekognition.index_faces(CollectionId="new", Image={"Bytes": jpeg(astronaut())})

    assert made["FaceModelVersion"] == indexed["FaceModelVersion"] == FACE_MODEL_VERSION
    assert indexed["FaceRecords"][0]["Face"]["IndexFacesModelVersion"] == "2.0"
