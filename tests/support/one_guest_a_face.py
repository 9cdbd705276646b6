"""Which guest is which face, told a second time to hold the database's function against it."""

from collections.abc import Callable, Collection, Mapping

#: Similarity of two guests' selfies to one face from which the two are the same person.
SAME_PERSON = 97.0


def settle(
    similarities: Mapping[tuple[int, int], float],
    *,
    taking_nothing: Collection[int] = (),
    same_person: Callable[[int, int], bool] = lambda _one, _other: False,
) -> dict[int, int]:
    """Return the face of a photo that each guest is; guests who are none are left out.

    *similarities* are those of guests' selfies to faces of the photo. The strongest pair comes
    first; of equal ones the face, then the guest, with the lowest number. A guest is one face, and
    none that is nearer to the selfie of another guest, unless both are the same person or the other
    is one of *taking_nothing*.
    """
    faces: dict[int, int] = {}
    for (guest, face), similarity in sorted(
        similarities.items(), key=lambda item: (-item[1], item[0][1], item[0][0])
    ):
        nearer = [
            other
            for other, held in faces.items()
            if held == face
            and similarities[other, face] > similarity
            and other not in taking_nothing
            and not same_person(guest, other)
        ]
        if guest not in faces and not nearer:
            faces[guest] = face
    return faces
