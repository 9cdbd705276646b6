"""The engine's answers, as the values of `recognition.types`."""

from collections.abc import Mapping
from typing import Any

from findme.models import Box, EngineFaceId
from findme.recognition.types import IndexedFace, IndexResult, UnindexedFace


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


def _indexed(record: Mapping[str, Any]) -> IndexedFace:
    face, detail = record["Face"], record.get("FaceDetail", {})
    quality, pose = detail.get("Quality", {}), detail.get("Pose", {})
    return IndexedFace(
        engine_face_id=EngineFaceId(face["FaceId"]),
        box=_box(face["BoundingBox"]),
        confidence=face["Confidence"],
        brightness=quality.get("Brightness"),
        sharpness=quality.get("Sharpness"),
        yaw=pose.get("Yaw", 0.0),
        pitch=pose.get("Pitch", 0.0),
    )


def _box(shape: Mapping[str, float]) -> Box:
    return Box(shape["Left"], shape["Top"], shape["Width"], shape["Height"])
