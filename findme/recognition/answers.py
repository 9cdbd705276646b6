"""The engine's answers, as the values of `recognition.types`."""

from collections.abc import Mapping
from typing import Any

from findme.models import Box, EngineFaceId
from findme.recognition.types import (
    AlikeFace,
    IndexedFace,
    IndexResult,
    QualityFilter,
    SearchedFace,
    Similar,
    UnindexedFace,
)

#: Confidence (0..100) below which something is hardly a face; the embedded engine's AUTO filter
#: has the same bar (docs/calibration.md).
HARDLY_A_FACE = 75.0


def index_result(answer: Mapping[str, Any]) -> IndexResult:
    """Return what IndexFaces answered, largest face first."""
    return IndexResult(
        faces=[_indexed(record) for record in answer["FaceRecords"]],
        unindexed=[
            UnindexedFace(
                box=_box(item["FaceDetail"]["BoundingBox"]),
                confidence=item["FaceDetail"]["Confidence"],
                reasons=item["Reasons"],
                occluded=item["FaceDetail"].get("FaceOccluded", {}).get("Value", False),
            )
            for item in answer.get("UnindexedFaces", [])
        ],
    )


def detected(answer: Mapping[str, Any], quality: QualityFilter) -> IndexResult:
    """Return what DetectFaces answered, largest face first, in the words of IndexFaces."""
    least = HARDLY_A_FACE if quality is QualityFilter.AUTO else 0.0
    faces, hardly = [], []
    for detail in answer["FaceDetails"]:
        if detail["Confidence"] >= least:
            faces.append(_face(None, detail, detail))
        else:
            hardly.append(
                UnindexedFace(_box(detail["BoundingBox"]), detail["Confidence"], ["LOW_CONFIDENCE"])
            )
    return IndexResult(faces, hardly)


def alike_faces(answer: Mapping[str, Any]) -> list[AlikeFace]:
    """Return what CompareFaces answered, best match first."""
    return [
        AlikeFace(_box(match["Face"]["BoundingBox"]), match["Similarity"])
        for match in answer["FaceMatches"]
    ]


def searched_face(answer: Mapping[str, Any]) -> SearchedFace:
    """Return what SearchFacesByImage answered, best match first."""
    similar = [
        Similar(EngineFaceId(match["Face"]["FaceId"]), match["Similarity"])
        for match in answer["FaceMatches"]
    ]
    return SearchedFace(_box(answer["SearchedFaceBoundingBox"]), similar)


def _indexed(record: Mapping[str, Any]) -> IndexedFace:
    face = record["Face"]
    return _face(EngineFaceId(face["FaceId"]), face, record.get("FaceDetail", {}))


def _face(
    engine_face_id: EngineFaceId | None, face: Mapping[str, Any], detail: Mapping[str, Any]
) -> IndexedFace:
    quality, pose = detail.get("Quality", {}), detail.get("Pose", {})
    return IndexedFace(
        engine_face_id=engine_face_id,
        box=_box(face["BoundingBox"]),
        confidence=face["Confidence"],
        brightness=quality.get("Brightness"),
        sharpness=quality.get("Sharpness"),
        yaw=pose.get("Yaw", 0.0),
        pitch=pose.get("Pitch", 0.0),
    )


def _box(shape: Mapping[str, float]) -> Box:
    return Box(shape["Left"], shape["Top"], shape["Width"], shape["Height"])
