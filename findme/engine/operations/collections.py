"""Operations that need no picture: collections, and the faces stored in them.

Each takes the gallery and the checked members, and runs whole in the gallery's thread.
"""

from collections.abc import Callable, Mapping

from findme.engine import paging
from findme.engine.collection_store import Gallery
from findme.engine.errors import InvalidParameterException
from findme.engine.operations import shapes
from findme.engine.protocol import Members

DEFAULT_THRESHOLD = 80.0
DEFAULT_MATCHES = 80
_PAGE = 1000
_LONGEST_PAGE = 4096


def create_collection(gallery: Gallery, request: Members) -> Members:
    """CreateCollection."""
    collection = gallery.create(request["CollectionId"], request.get("Tags", {}))
    return {
        "StatusCode": 200,
        "CollectionArn": _arn(collection.name),
        "FaceModelVersion": collection.model,
    }


def delete_collection(gallery: Gallery, request: Members) -> Members:
    """DeleteCollection: its faces and users go with it."""
    gallery.delete(request["CollectionId"])
    return {"StatusCode": 200}


def describe_collection(gallery: Gallery, request: Members) -> Members:
    """DescribeCollection."""
    collection = gallery.collection(request["CollectionId"])
    faces, users = gallery.counts(collection)
    return {
        "FaceCount": faces,
        "UserCount": users,
        "FaceModelVersion": collection.model,
        "CollectionARN": _arn(collection.name),
        "CreationTimestamp": collection.created,
    }


def list_collections(gallery: Gallery, request: Members) -> Members:
    """ListCollections, in the order in which they were made."""
    limit = paging.size(request, _PAGE, _LONGEST_PAGE)
    after = paging.position(request, "collections", 0)
    found = gallery.collections(after, limit + 1)
    answer: Members = {
        "CollectionIds": [collection.name for collection in found[:limit]],
        "FaceModelVersions": [collection.model for collection in found[:limit]],
    }
    if len(found) > limit:
        answer["NextToken"] = paging.next_token("collections", found[limit - 1].number)
    return answer


def list_faces(gallery: Gallery, request: Members) -> Members:
    """ListFaces, in the order of their arrival."""
    collection = gallery.collection(request["CollectionId"])
    answer: Members = {"FaceModelVersion": collection.model}
    if "FaceIds" in request:
        found = gallery.faces_by_id(collection, request["FaceIds"])
        return answer | {"Faces": [shapes.stored(face) for face in found]}
    limit = paging.size(request, _PAGE, _LONGEST_PAGE)
    listing = f"faces of {collection.number}"
    after = paging.position(request, listing, 0)
    found = gallery.faces(collection, after, limit + 1, request.get("UserId"))
    answer["Faces"] = [shapes.stored(face) for face in found[:limit]]
    if len(found) > limit:
        answer["NextToken"] = paging.next_token(listing, found[limit - 1].number)
    return answer


def delete_faces(gallery: Gallery, request: Members) -> Members:
    """DeleteFaces; a face that belongs to a user is refused."""
    collection = gallery.collection(request["CollectionId"])
    face_ids = list(dict.fromkeys(request["FaceIds"]))
    found = {face.face_id: face for face in gallery.faces_by_id(collection, face_ids)}
    free = [face for face in found.values() if face.user_id is None]
    gallery.remove(collection, free)
    failed: list[Members] = []
    for face_id in face_ids:
        face = found.get(face_id)
        if face is None:
            failed.append({"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]})
        elif face.user_id is not None:
            reasons = ["ASSOCIATED_TO_AN_EXISTING_USER"]
            failed.append({"FaceId": face_id, "UserId": face.user_id, "Reasons": reasons})
    return {
        "DeletedFaces": [face.face_id for face in free],
        "UnsuccessfulFaceDeletions": failed,
    }


def search_faces(gallery: Gallery, request: Members) -> Members:
    """SearchFaces: faces like a stored one, which is left out itself."""
    collection = gallery.collection(request["CollectionId"])
    face_id = request["FaceId"]
    found = gallery.faces_by_id(collection, [face_id])
    if not found:
        raise InvalidParameterException(f"The face id: {face_id} is not in the collection.")
    limit = request.get("MaxFaces", DEFAULT_MATCHES)
    threshold = request.get("FaceMatchThreshold", DEFAULT_THRESHOLD)
    # One more, as the face finds itself.
    similar = gallery.search(collection, found[0].vector, threshold, limit + 1)
    others = [match for match in similar if match[1].face_id != face_id][:limit]
    return {
        "SearchedFaceId": face_id,
        "FaceMatches": shapes.matches(others),
        "FaceModelVersion": collection.model,
    }


def _arn(name: str) -> str:
    return f"aws:rekognition:local:000000000000:collection/{name}"


OPERATIONS: Mapping[str, Callable[[Gallery, Members], Members]] = {
    "CreateCollection": create_collection,
    "DeleteCollection": delete_collection,
    "DescribeCollection": describe_collection,
    "ListCollections": list_collections,
    "ListFaces": list_faces,
    "DeleteFaces": delete_faces,
    "SearchFaces": search_faces,
}
