"""Operations on users: people of a collection to whom faces are associated.

A user is as similar as the most similar of their faces, so nothing has to be computed when a face
is associated, and the status follows at once. Each operation runs whole in the gallery's thread.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from findme.engine import paging
from findme.engine.collection_store import Collection, Gallery, StoredFace
from findme.engine.errors import (
    ConflictException,
    IdempotentParameterMismatchException,
    InvalidParameterException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
)
from findme.engine.operations.collections import DEFAULT_MATCHES, DEFAULT_THRESHOLD
from findme.engine.protocol import Members

StoredOperation = Callable[[Gallery, Members], Members]

MOST_FACES = 100
"""AWS's limit for the faces of one user."""
ASSOCIATION_THRESHOLD = 75.0
_MOST_USERS = 500
_ALL = 1_000_000_000
_TOKEN_SECONDS = 24 * 3600


def once(operation: StoredOperation) -> StoredOperation:
    """Do what the same ClientRequestToken asks for once, and answer the same again."""

    def run(gallery: Gallery, request: Members) -> Members:
        asked = {name: value for name, value in request.items() if name != "ClientRequestToken"}
        digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
        token, name = request.get("ClientRequestToken"), operation.__name__
        with gallery.transaction() as database:
            database.execute("delete from token where used < ?", (time.time() - _TOKEN_SECONDS,))
            known = database.execute(
                "select request, answer from token where operation = ? and token = ?", (name, token)
            ).fetchone()
            if known is None:
                answer = operation(gallery, request)
                if token is not None:
                    database.execute(
                        "insert into token values (?, ?, ?, ?, ?)",
                        (name, token, digest, orjson.dumps(answer).decode(), time.time()),
                    )
                return answer
        if known["request"] != digest:
            raise IdempotentParameterMismatchException
        remembered: Members = orjson.loads(known["answer"])
        return remembered

    return run


def create_user(gallery: Gallery, request: Members) -> Members:
    """CreateUser."""
    collection = gallery.collection(request["CollectionId"])
    added = gallery.database.execute(
        "insert into person (collection, user_id) values (?, ?) on conflict do nothing",
        (collection.number, request["UserId"]),
    )
    if not added.rowcount:
        raise ConflictException
    return {}


def delete_user(gallery: Gallery, request: Members) -> Members:
    """DeleteUser: the faces stay, and are nobody's from then on."""
    collection = gallery.collection(request["CollectionId"])
    person = _person(gallery, collection, request["UserId"])
    gallery.database.execute("delete from person where id = ?", (person,))
    return {}


def associate_faces(gallery: Gallery, request: Members) -> Members:
    """AssociateFaces: each face must be like one that the user has already, or be the first."""
    collection = gallery.collection(request["CollectionId"])
    user_id = request["UserId"]
    person = _person(gallery, collection, user_id)
    threshold = request.get("UserMatchThreshold", ASSOCIATION_THRESHOLD)
    held = gallery.faces(collection, 0, _ALL, user_id)
    taken: list[str] = []
    failed: list[Members] = []
    for face_id, face in _asked(gallery, collection, request["FaceIds"]):
        if face is None:
            failed.append({"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]})
        elif face.user_id is None:
            confidence = _likeness(collection, face, held)
            if confidence < threshold:
                reasons = ["LOW_MATCH_CONFIDENCE"]
                failed.append({"FaceId": face_id, "Confidence": confidence, "Reasons": reasons})
                continue
            held.append(face)
            taken.append(face_id)
            gallery.database.execute(
                "update face set person = ? where id = ?", (person, face.number)
            )
        elif face.user_id == user_id:
            taken.append(face_id)
        else:
            failed.append(_of_another(face))
    if len(held) > MOST_FACES:
        raise ServiceQuotaExceededException
    return {
        "AssociatedFaces": [{"FaceId": face_id} for face_id in taken],
        "UnsuccessfulFaceAssociations": failed,
        "UserStatus": _status(len(held)),
    }


def disassociate_faces(gallery: Gallery, request: Members) -> Members:
    """DisassociateFaces."""
    collection = gallery.collection(request["CollectionId"])
    user_id = request["UserId"]
    _person(gallery, collection, user_id)
    freed: list[str] = []
    failed: list[Members] = []
    for face_id, face in _asked(gallery, collection, request["FaceIds"]):
        if face is None or face.user_id is None:
            failed.append({"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]})
        elif face.user_id != user_id:
            failed.append(_of_another(face))
        else:
            freed.append(face_id)
            gallery.database.execute("update face set person = null where id = ?", (face.number,))
    left = gallery.faces(collection, 0, 1, user_id)
    return {
        "DisassociatedFaces": [{"FaceId": face_id} for face_id in freed],
        "UnsuccessfulFaceDisassociations": failed,
        "UserStatus": _status(len(left)),
    }


def list_users(gallery: Gallery, request: Members) -> Members:
    """ListUsers, by name."""
    collection = gallery.collection(request["CollectionId"])
    limit = paging.size(request, _MOST_USERS, _MOST_USERS)
    listing = f"users of {collection.number}"
    rows = gallery.database.execute(
        """select user_id, (select count(*) from face where person = person.id) as faces
           from person where collection = ? and user_id > ? order by user_id limit ?""",
        (collection.number, paging.position(request, listing, ""), limit + 1),
    ).fetchall()
    answer: Members = {"Users": [_user(row["user_id"], row["faces"]) for row in rows[:limit]]}
    if len(rows) > limit:
        answer["NextToken"] = paging.next_token(listing, rows[limit - 1]["user_id"])
    return answer


def search_users(gallery: Gallery, request: Members) -> Members:
    """SearchUsers: like a stored face, or like another user, who is left out."""
    collection = gallery.collection(request["CollectionId"])
    if ("FaceId" in request) == ("UserId" in request):
        raise InvalidParameterException("Either FaceId or UserId must be given.")
    answer: Members = {"FaceModelVersion": collection.model}
    if "FaceId" in request:
        faces = gallery.faces_by_id(collection, [request["FaceId"]])
        if not faces:
            raise InvalidParameterException("The face id is not in the collection.")
        answer["SearchedFace"] = {"FaceId": request["FaceId"]}
    else:
        _person(gallery, collection, request["UserId"])
        faces = gallery.faces(collection, 0, _ALL, request["UserId"])
        answer["SearchedUser"] = {"UserId": request["UserId"]}
    vectors = [face.vector for face in faces]
    return answer | {"UserMatches": similar_users(gallery, collection, vectors, request)}


def similar_users(
    gallery: Gallery,
    collection: Collection,
    vectors: Iterable[NDArray[np.float32]],
    request: Members,
) -> list[Members]:
    """List the users with a face like one of *vectors*, best first, as *request* limits them."""
    threshold = request.get("UserMatchThreshold", DEFAULT_THRESHOLD)
    best: dict[str, float] = {}
    for vector in vectors:
        for likeness, match in gallery.search(collection, vector, threshold, _ALL):
            if match.user_id is not None and match.user_id != request.get("UserId"):
                best[match.user_id] = max(likeness, best.get(match.user_id, 0.0))
    ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        {"Similarity": likeness, "User": _user(user_id, 1)}
        for user_id, likeness in ranked[: request.get("MaxUsers", DEFAULT_MATCHES)]
    ]


def _person(gallery: Gallery, collection: Collection, user_id: str) -> int:
    row = gallery.database.execute(
        "select id from person where collection = ? and user_id = ?", (collection.number, user_id)
    ).fetchone()
    if row is None:
        raise ResourceNotFoundException(f"The user id: {user_id} does not exist")
    number: int = row["id"]
    return number


def _asked(
    gallery: Gallery, collection: Collection, face_ids: Sequence[str]
) -> list[tuple[str, StoredFace | None]]:
    """Each face id asked for, once, with the face if there is one."""
    found = {face.face_id: face for face in gallery.faces_by_id(collection, face_ids)}
    return [(face_id, found.get(face_id)) for face_id in dict.fromkeys(face_ids)]


def _likeness(collection: Collection, face: StoredFace, others: Sequence[StoredFace]) -> float:
    """Similarity to the most similar of *others*; 100 if there are none."""
    return max(
        (collection.scale.of_vectors(face.vector, other.vector) for other in others),
        default=100.0,
    )


def _of_another(face: StoredFace) -> Members:
    reasons = ["ASSOCIATED_TO_A_DIFFERENT_USER"]
    return {"FaceId": face.face_id, "UserId": face.user_id, "Reasons": reasons}


def _user(user_id: str, faces: int) -> Members:
    return {"UserId": user_id, "UserStatus": _status(faces)}


def _status(faces: int) -> str:
    return "ACTIVE" if faces else "CREATED"


OPERATIONS: Mapping[str, StoredOperation] = {
    "CreateUser": once(create_user),
    "DeleteUser": once(delete_user),
    "AssociateFaces": once(associate_faces),
    "DisassociateFaces": once(disassociate_faces),
    "ListUsers": list_users,
    "SearchUsers": search_users,
}
