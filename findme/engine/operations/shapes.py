"""Faces in the words of Rekognition's answers."""

from findme.engine import INDEX_MODEL_VERSIONS
from findme.engine.collection_store import StoredFace
from findme.engine.faces import Box, Face
from findme.engine.protocol import Members

_LANDMARKS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def box(box: Box) -> Members:
    """BoundingBox: ratios of the upright picture."""
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def detail(face: Face) -> Members:
    """FaceDetail with its default attributes; the models here know no others."""
    return {
        "BoundingBox": box(face.box),
        "Landmarks": [
            {"Type": name, "X": x, "Y": y}
            for name, (x, y) in zip(_LANDMARKS, face.points, strict=True)
        ],
        "Pose": {"Roll": face.pose.roll, "Yaw": face.pose.yaw, "Pitch": face.pose.pitch},
        "Quality": {"Brightness": face.brightness, "Sharpness": face.sharpness},
        "Confidence": face.confidence,
    }


def stored(face: StoredFace) -> Members:
    """Face, as a collection holds it."""
    members: Members = {
        "FaceId": face.face_id,
        "BoundingBox": box(face.box),
        "ImageId": face.image_id,
        "Confidence": face.confidence,
        "IndexFacesModelVersion": INDEX_MODEL_VERSIONS[face.model],
    }
    if face.external_image_id is not None:
        members["ExternalImageId"] = face.external_image_id
    if face.user_id is not None:
        members["UserId"] = face.user_id
    return members


def matches(found: list[tuple[float, StoredFace]]) -> list[Members]:
    """FaceMatches, best first."""
    return [{"Similarity": similarity, "Face": stored(face)} for similarity, face in found]
