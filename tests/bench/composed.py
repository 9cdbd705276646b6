"""Photos composed of faces cut from the labelled pictures, so that it is known who is where."""

import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from findme.engine.faces import Analyst
from tests.support.pictures import labelled

#: Cells of a scene, which hold a face each, and their sides in pixels.
COLUMNS, ROWS, CELL = 5, 4, 300
FACES = COLUMNS * ROWS
#: A face's longer side in pixels, and the chance that a guest is in a scene.
FACE, PRESENT = 90, 0.3


@dataclass(frozen=True)
class Cut:
    """A person's face with what is around it, and where in the cut the face is, in pixels."""

    person: str
    picture: Image.Image
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """A picture, and the faces on it: the person and the box in ratios."""

    jpeg: bytes
    faces: Sequence[tuple[str, tuple[float, float, float, float]]]


def cut_people(models: Path, guests: int) -> tuple[dict[str, list[Cut]], list[Cut]]:
    """Cut the faces of people who are alone on a picture: of guests by name, and of others."""
    models.mkdir()
    analyst, known = Analyst.load(models), labelled()
    alone = {
        path: next(iter(who))
        for path, who in sorted(known.people.items())
        if len(who) == 1 and known.faces[path] == (1, 1)
    }
    names = sorted(set(alone.values()))[:guests]
    cuts: dict[str, list[Cut]] = {name: [] for name in names}
    others = []
    pictures = alone | {known.selfies[name]: name for name in set(known.selfies) - set(names)}
    for path, name in pictures.items():
        cut = _cut(analyst, path, name)
        if name in cuts:
            cuts[name].append(cut)
        else:
            others.append(cut)
    return cuts, others


def _cut(analyst: Analyst, path: Path, person: str) -> Cut:
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    box = analyst.faces_on(picture)[0].box
    width, height = box.width * picture.width, box.height * picture.height
    left, top = box.left * picture.width, box.top * picture.height
    scale = FACE / max(width, height)
    around = 0.5 * max(width, height)
    part = picture.crop((left - around, top - around, left + width + around, top + height + around))
    part = part.resize((round(part.width * scale), round(part.height * scale)))
    return Cut(person, part, (around * scale, around * scale, width * scale, height * scale))


def compose(
    count: int, guests: Mapping[str, Sequence[Cut]], strangers: Sequence[Cut]
) -> list[Scene]:
    """Compose pictures: a guest once at most, else strangers."""
    chance, scenes = random.Random(1), []
    for _ in range(count):
        present = [name for name in sorted(guests) if chance.random() < PRESENT]
        cuts = [chance.choice(guests[name]) for name in present]
        cuts += [chance.choice(strangers) for _ in range(FACES - len(cuts))]
        chance.shuffle(cuts)
        whole = Image.new("RGB", (COLUMNS * CELL, ROWS * CELL), "#8b7f79")
        faces = []
        for number, cut in enumerate(cuts):
            left = number % COLUMNS * CELL + chance.randrange(CELL - cut.picture.width)
            top = number // COLUMNS * CELL + chance.randrange(CELL - cut.picture.height)
            whole.paste(cut.picture, (left, top))
            x, y, width, height = cut.box
            box = (
                (left + x) / whole.width,
                (top + y) / whole.height,
                width / whole.width,
                height / whole.height,
            )
            faces.append((cut.person, box))
        out = io.BytesIO()
        whole.save(out, "JPEG", quality=90)
        scenes.append(Scene(out.getvalue(), faces))
    return scenes
