"""``python -m findme.engine calibrate DIR``: which cosine means which similarity, on your pictures.

DIR holds ``truth.json``: ``people`` maps a name to a selfie, ``photos`` maps a photo to the
``people`` on it and the number of clear ``faces`` (up to ``faces_max`` with the unclear ones).
``groups``, if it is there, maps the name of a group to names of people, who are reported apart too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from findme.engine.errors import Refusal
from findme.engine.faces import Analyst, Face
from findme.engine.quality_filter import reasons


class LayoutError(Exception):
    """The folder is not laid out as this command reads it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the labelled pictures gave: one row a guest (p), one column a photo (q)."""

    people: list[str]
    cosines: NDArray[np.float64]
    """p x q: from the selfie to the nearest face on the photo; -1 if there is none."""
    same: NDArray[np.bool_]
    """p x q: whether the guest is on that photo."""
    between: NDArray[np.float64]
    """p x q x q: from the face of the first photo that is nearest to the selfie to the nearest face
    of the second."""
    groups: dict[str, list[str]]
    refused: list[str]
    """Guests whose selfie shows no face that IndexFaces would store."""
    clear: int
    """Clear faces there are on the photos."""
    found: int
    """Of them, how many were found and would be indexed, counted photo by photo."""
    beyond: int
    """Faces indexed beyond those that there are."""

    def matched(
        self, threshold: float, expansion: tuple[float, float] | None = None
    ) -> NDArray[np.bool_]:
        """Pairs (p x q) of at least this cosine, and those that *expansion* adds.

        Query expansion: a match from its first number on is a further reference, and what is as
        near to such a one as the second number is a match as well.
        """
        direct: NDArray[np.bool_] = np.asarray(self.cosines >= threshold)
        if expansion is None:
            return direct
        anchor, join = expansion
        anchors = direct & (self.cosines >= anchor)
        joined = (anchors[:, :, None] & (self.between >= join)).any(1)
        return np.logical_or(direct, np.asarray(joined))

    def rows_of(self, group: str) -> NDArray[np.intp]:
        """Which rows are of the people of a group."""
        return np.flatnonzero(np.isin(self.people, self.groups[group]))


def read_truth(folder: Path) -> dict[str, Any]:
    """Read who is on which photo; LayoutError, which says what is wanted, for other layouts."""
    path = folder / "truth.json"
    if not path.is_file():
        raise LayoutError(
            f"There is no truth.json in {folder}. It names a selfie for each person and who is on "
            'each photo: {"people": {"ann": "selfies/ann.jpg"}, "photos": {"photos/1.jpg": '
            '{"people": ["ann"], "faces": 2}}}. Paths are relative to the folder.'
        )
    try:
        truth: dict[str, Any] = orjson.loads(path.read_bytes())
        named = [*truth["people"].values(), *truth["photos"]]
        known = set(truth["people"])
        for photo, label in truth["photos"].items():
            if unknown := set(label["people"]) - known:
                raise LayoutError(f"{photo} names people without a selfie: {sorted(unknown)}")
            int(label["faces"])
        for group, members in truth.get("groups", {}).items():
            if unknown := set(members) - known:
                raise LayoutError(f"Group {group} names people without a selfie: {sorted(unknown)}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LayoutError(f"{path} is not in the form that is wanted: {error!r}") from error
    if missing := [name for name in named if not (folder / name).is_file()]:
        raise LayoutError(f"{len(missing)} pictures are not in {folder}, the first: {missing[0]}")
    if not any(label["people"] for label in truth["photos"].values()):
        raise LayoutError(f"Nobody of the people in {path} is on any photo.")
    return truth


def measure(analyst: Analyst, folder: Path) -> Measured:
    """Look at every labelled picture of *folder*; LayoutError if one can't be read."""
    truth = read_truth(folder)
    selfies = {name: _indexed(analyst, folder / path) for name, path in truth["people"].items()}
    photos = {path: _indexed(analyst, folder / path) for path in truth["photos"]}
    counts = [(len(photos[path]), label) for path, label in truth["photos"].items()]
    people = [name for name, faces in selfies.items() if faces]
    vectors = [_stacked(faces) for faces in photos.values()]
    shape = (len(people), len(photos))
    cosines, between = np.full(shape, -1.0), np.full((*shape, shape[1]), -1.0)
    for row, name in enumerate(people):
        selfie = selfies[name][0].vector
        for column, faces in enumerate(vectors):
            if faces is None:
                continue
            nearest = int((faces @ selfie).argmax())
            cosines[row, column] = faces[nearest] @ selfie
            between[row, column] = [
                -1.0 if others is None else (others @ faces[nearest]).max() for others in vectors
            ]
    return Measured(
        people=people,
        cosines=cosines,
        same=np.array(
            [[name in label["people"] for label in truth["photos"].values()] for name in people]
        ),
        between=between,
        groups=truth.get("groups", {}),
        refused=[name for name, faces in selfies.items() if not faces],
        clear=sum(label["faces"] for _, label in counts),
        found=sum(min(count, label["faces"]) for count, label in counts),
        beyond=sum(max(0, n - label.get("faces_max", label["faces"])) for n, label in counts),
    )


def _indexed(analyst: Analyst, picture: Path) -> list[Face]:
    """Find the faces that IndexFaces would store, largest first."""
    try:
        faces = analyst.faces(picture.read_bytes())
    except Refusal as refusal:
        raise LayoutError(f"{picture} can't be read: {refusal}") from refusal
    return [face for face in faces if not reasons(face, "AUTO")]


def _stacked(faces: Sequence[Face]) -> NDArray[np.float32] | None:
    return np.stack([face.vector for face in faces]) if faces else None
