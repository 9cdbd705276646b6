"""The pictures of the tests: labelled photographs where they are, drawn ones elsewhere."""

import io
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
FOLDER = Path(os.environ.get("FINDME_PHOTOS", ROOT.parent / "shared" / "photos"))


@dataclass(frozen=True)
class Labelled:
    """The labelled set: who is on which photo."""

    #: name -> selfie
    selfies: dict[str, Path]
    #: photo -> names of those on it
    people: dict[Path, frozenset[str]]
    #: photo -> least and most faces that are right
    faces: dict[Path, tuple[int, int]]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The true (name, file name of the photo) pairs."""
        return {(name, path.name) for path, names in self.people.items() for name in names}


@cache
def labelled() -> Labelled:
    """Read the labelled photographs, or make a set of the portraits that test packages carry."""
    if (FOLDER / "truth.json").is_file():
        truth = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
        photos = {FOLDER / name: about for name, about in truth["photos"].items()}
        return Labelled(
            selfies={name: FOLDER / path for name, path in truth["people"].items()},
            people={path: frozenset(about["people"]) for path, about in photos.items()},
            faces={
                path: (about["faces"], about.get("faces_max", about["faces"]))
                for path, about in photos.items()
            },
        )
    return _portraits()


def _portraits() -> Labelled:
    """Two people, each once as selfie and once, cropped and darker, as photo; and a scene."""
    import matplotlib as mpl
    import skimage.data as data

    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"findme-portraits-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    hopper = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    astronaut = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    people = {"eileen": astronaut, "grace": Image.open(hopper).convert("RGB")}
    selfies, photos = {}, {}
    for name, picture in people.items():
        selfies[name] = folder / f"{name}.jpg"
        picture.save(selfies[name], quality=92)
        photo = folder / f"{name}-2.jpg"
        picture.point([round(value * 0.85) for value in range(256)] * 3).resize(
            (round(picture.width * 1.3), round(picture.height * 1.3))
        ).save(photo, quality=85)
        photos[photo] = frozenset({name})
    scene = folder / "scene.jpg"
    Image.fromarray(data.coffee()).save(scene)  # type: ignore[no-untyped-call]
    photos[scene] = frozenset()
    return Labelled(selfies, photos, {path: (len(who), len(who)) for path, who in photos.items()})


def drawn(seed: int = 0, width: int = 640, height: int = 480, *, quality: int = 85) -> bytes:
    """Return a JPEG without a face; another seed gives other bytes."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    shift = (seed * 37) % 256
    pixels = np.stack([x, y, (x + y + shift) % 256], axis=-1).astype(np.uint8)
    pixels[:4, :4] = np.array([seed % 256, seed // 256 % 256, seed // 65536 % 256])
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, comment=f"drawn {seed}".encode())
    return out.getvalue()
