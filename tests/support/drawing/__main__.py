"""Draw the demo's photos and selfies, and write them to findme/demo/pictures (`make drawings`)."""

import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

import findme.demo
from tests.support.drawing.characters import CAST
from tests.support.drawing.scenes import Drawn, draw_group, draw_selfie

FOLDER = Path(findme.demo.__file__).parent / "pictures"
QUALITY = 70
_SIZES = ((1200, 800), (1200, 800), (800, 1200), (1200, 900), (900, 900), (1440, 810))
#: The places of an evening: until which share of it, and where; a place named twice is likelier.
_COURSE = (
    (0.18, ("garden", "garden", "terrace")),
    (0.34, ("terrace", "terrace", "garden", "hall")),
    (0.42, ("confetti", "confetti", "terrace")),
    (0.55, ("dusk", "dusk", "hall", "terrace")),
    (0.74, ("hall", "hall", "dusk")),
    (1.0, ("dance", "dance", "hall", "confetti")),
)


def draw_event(
    name: str, seed: int, hours: float, count: int, people: Sequence[int]
) -> list[dict[str, object]]:
    """Draw an event's photos in bursts, as photographers take them; return their descriptions."""
    chance = random.Random(seed)
    described = []
    for number, moment in enumerate(sorted(chance.triangular(0, 1, 0.6) for _ in range(count))):
        place = chance.choice(next(places for until, places in _COURSE if moment <= until))
        # the first guest is on a good third of all photos: the demo is looked at as her
        group = chance.sample([*people], chance.choice((0, 1, 2, 2, 2, 3, 3, 4, 5)))
        if group and chance.random() < 0.22 and 0 in people and 0 not in group:
            group[chance.randrange(len(group))] = 0
        size = chance.choice(_SIZES if len(group) < 4 else (_SIZES[0], _SIZES[5]))
        seconds = round(hours * 3600 * moment + chance.randrange(50))
        seated = place == "hall" and number % 3 == 0 and bool(group)
        drawn = draw_group(1000 * seed + number, place, group, *size, table=seated)
        file = f"{name}-{number + 1:03}.webp"
        _save(drawn.jpeg, file)
        described.append({"file": file, "seconds": seconds, "faces": _faces(drawn)})
    return described


def _faces(drawn: Drawn) -> list[list[float]]:
    return [
        [person, *(round(side, 4) for side in (box.left, box.top, box.width, box.height))]
        for person, box in drawn.faces
    ]


def _save(jpeg: bytes, file: str) -> None:
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.save(FOLDER / file, "WEBP", quality=QUALITY, method=6)


def main() -> None:
    """Draw everything anew and say how much it weighs."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    selfies = [f"selfie-{number}.webp" for number in range(len(CAST))]
    for number, file in enumerate(selfies):
        _save(draw_selfie(number), file)
    described = {
        "cast": [looks.name for looks in CAST],
        "selfies": selfies,
        "wedding": draw_event("wedding", 1, 8.0, 120, range(len(CAST))),
        "gala": draw_event("gala", 2, 5.0, 22, (0, 3, 5, 7, 8)),
    }
    (FOLDER / "pictures.json").write_text(json.dumps(described, ensure_ascii=False) + "\n", "utf-8")
    weights = [file.stat().st_size for file in FOLDER.iterdir()]
    print(f"{len(weights)} files, {sum(weights) / 1e6:.1f} MB, in {FOLDER}")


if __name__ == "__main__":
    main()
