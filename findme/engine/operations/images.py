"""Operations that look at a picture. Each takes the service and the checked members.

A selfie goes before photos, since its guest waits: a picture of which one face is indexed, or that
is compared with another.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

from findme.engine import FACE_MODEL_VERSION
from findme.engine.collection_store import Gallery, StoredFace
from findme.engine.errors import InvalidParameterException
from findme.engine.faces import MOST_FACES, Face
from findme.engine.operations import shapes, users
from findme.engine.operations.collections import DEFAULT_MATCHES, DEFAULT_THRESHOLD
from findme.engine.protocol import Members
from findme.engine.quality_filter import reasons
from findme.engine.service import Service
from findme.engine.similarity import SFACE
from findme.pixels.gate import Urgency

_FACE_IDS = uuid.UUID("6b4e5c1c-3f0e-5d5b-9f63-5a8f1d7f2c11")
"""Namespace of the ids below; any fixed value does."""


async def detect_faces(service: Service, request: Members) -> Members:
    """DetectFaces."""
    faces = await service.faces(request["Image"]["Bytes"])
    return {"FaceDetails": [shapes.detail(face) for face in faces]}


async def index_faces(service: Service, request: Members) -> Members:
    """IndexFaces: the same picture under the same ExternalImageId adds its faces once."""
    # Asked first, so that a wrong name costs no look at the picture.
    await service.stored(lambda gallery: gallery.current(request["CollectionId"]))
    data = request["Image"]["Bytes"]
    most = min(request.get("MaxFaces", MOST_FACES), MOST_FACES)
    faces = await service.faces(data, Urgency.FIRST if most == 1 else Urgency.LAST)
    quality_filter = request.get("QualityFilter", "AUTO")
    chosen, dropped = choose(faces, quality_filter, most)
    external = request.get("ExternalImageId")
    image = f"{hashlib.sha256(data).hexdigest()} {FACE_MODEL_VERSION} {external or ''}"
    new = [_storable(face, image, external) for face in chosen]
    kept = await service.stored(
        lambda gallery: gallery.add(gallery.current(request["CollectionId"]), new)
    )
    return {
        "FaceRecords": [
            {"Face": shapes.stored(face), "FaceDetail": shapes.detail(seen)}
            for face, seen in zip(kept, chosen, strict=True)
        ],
        "UnindexedFaces": [
            {"Reasons": why, "FaceDetail": shapes.detail(face)} for face, why in dropped
        ],
        "FaceModelVersion": FACE_MODEL_VERSION,
    }


def choose(
    faces: Sequence[Face], quality_filter: str, most: int
) -> tuple[list[Face], list[tuple[Face, list[str]]]]:
    """Split into the faces to index, largest first, and the others with the reasons.

    Above *most*, faces of low quality go first, then the smallest.
    """
    dropped = [(face, why) for face in faces if (why := reasons(face, quality_filter))]
    good = [face for face in faces if not reasons(face, quality_filter)]
    ranked = sorted(good, key=lambda face: (bool(reasons(face, "AUTO")), -face.area))
    dropped += [(face, ["EXCEEDS_MAX_FACES"]) for face in ranked[most:]]
    return sorted(ranked[:most], key=lambda face: -face.area), dropped


def _storable(face: Face, image: str, external: str | None) -> StoredFace:
    """Ids follow from picture, model, name and place, so a second sending changes nothing."""
    box = face.box
    place = " ".join(f"{part:.5f}" for part in (box.left, box.top, box.width, box.height))
    return StoredFace(
        face_id=str(uuid.uuid5(_FACE_IDS, f"{image} {place}")),
        image_id=str(uuid.uuid5(_FACE_IDS, image)),
        external_image_id=external,
        box=box,
        confidence=face.confidence,
        vector=face.vector,
        model=FACE_MODEL_VERSION,
    )


async def search_faces_by_image(service: Service, request: Members) -> Members:
    """SearchFacesByImage: stored faces like the largest one of the picture."""
    await service.stored(lambda gallery: gallery.current(request["CollectionId"]))
    face = await _main_face(service, request["Image"], request)

    def search(gallery: Gallery) -> list[Members]:
        collection = gallery.current(request["CollectionId"])
        threshold = request.get("FaceMatchThreshold", DEFAULT_THRESHOLD)
        limit = request.get("MaxFaces", DEFAULT_MATCHES)
        return shapes.matches(gallery.search(collection, face.vector, threshold, limit))

    return {
        "SearchedFaceBoundingBox": shapes.box(face.box),
        "SearchedFaceConfidence": face.confidence,
        "FaceMatches": await service.stored(search),
        "FaceModelVersion": FACE_MODEL_VERSION,
    }


async def search_users_by_image(service: Service, request: Members) -> Members:
    """SearchUsersByImage: users like the largest face; a picture without one is no error."""
    await service.stored(lambda gallery: gallery.current(request["CollectionId"]))
    faces = await service.faces(request["Image"]["Bytes"])
    unsearched = [
        {"FaceDetails": shapes.detail(face), "Reasons": ["FACE_NOT_LARGEST"]} for face in faces[1:]
    ]
    answer: Members = {"FaceModelVersion": FACE_MODEL_VERSION, "UserMatches": []}
    for face in faces[:1]:
        detail = shapes.detail(face)
        if why := reasons(face, _filter(request)):
            unsearched.insert(0, {"FaceDetails": detail, "Reasons": why})
            continue
        answer["SearchedFace"] = {"FaceDetail": detail}
        answer["UserMatches"] = await service.stored(_similar_users, face, request)
    return answer | {"UnsearchedFaces": unsearched}


def _similar_users(gallery: Gallery, face: Face, request: Members) -> list[Members]:
    collection = gallery.current(request["CollectionId"])
    return users.similar_users(gallery, collection, [face.vector], request)


async def compare_faces(service: Service, request: Members) -> Members:
    """CompareFaces: the largest face of one picture against all of another."""
    source = await _main_face(service, request["SourceImage"], request, Urgency.FIRST)
    faces = await service.faces(request["TargetImage"]["Bytes"], Urgency.FIRST)
    targets = [face for face in faces if not reasons(face, _filter(request))]
    if not targets:
        raise InvalidParameterException("There are no faces in the target image.")
    threshold = request.get("SimilarityThreshold", DEFAULT_THRESHOLD)
    scored = [(SFACE.of_vectors(face.vector, source.vector), face) for face in targets]
    scored.sort(key=lambda pair: -pair[0])
    return {
        "SourceImageFace": {
            "BoundingBox": shapes.box(source.box),
            "Confidence": source.confidence,
        },
        "FaceMatches": [
            {"Similarity": score, "Face": shapes.detail(face)}
            for score, face in scored
            if score >= threshold
        ],
        "UnmatchedFaces": [shapes.detail(face) for score, face in scored if score < threshold],
    }


async def _main_face(
    service: Service, image: Members, request: Members, urgency: Urgency = Urgency.LAST
) -> Face:
    """Find the largest face; refused if there is none, or if the filter drops it."""
    faces = await service.faces(image["Bytes"], urgency)
    if not faces or reasons(faces[0], _filter(request)):
        raise InvalidParameterException("There are no faces in the image. Should be at least 1.")
    return faces[0]


def _filter(request: Members) -> str:
    asked: str = request.get("QualityFilter", "NONE")
    return asked


OPERATIONS: Mapping[str, Callable[[Service, Members], Awaitable[Members]]] = {
    "DetectFaces": detect_faces,
    "IndexFaces": index_faces,
    "SearchFacesByImage": search_faces_by_image,
    "SearchUsersByImage": search_users_by_image,
    "CompareFaces": compare_faces,
}
