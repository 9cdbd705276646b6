"""The pictures of the tests: labelled photographs where they are, drawn ones elsewhere."""

import io
import json
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).parents[2]
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
    """Two people, each on a selfie and on four photos made of it; one of both; and a scene."""
    import matplotlib as mpl
    from skimage import data

    folder = Path(tempfile.gettempdir()) / f"findme-portraits-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    hopper = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    astronaut = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    people = {"eileen": astronaut, "grace": Image.open(hopper).convert("RGB")}
    selfies, photos = {}, {}

    def save(name: str, picture: Image.Image, who: frozenset[str]) -> None:
        picture.save(folder / name, quality=88)
        photos[folder / name] = who

    for name, picture in people.items():
        selfies[name] = folder / f"{name}.jpg"
        # as close as a selfie: the astronaut stands further away
        close = picture.crop((100, 0, 400, 380)) if name == "eileen" else picture
        close.save(selfies[name], quality=92)
        size = picture.size
        alone = frozenset({name})
        save(f"{name}-dark.jpg", picture.point([round(v * 0.7) for v in range(256)] * 3), alone)
        save(f"{name}-large.jpg", picture.resize((2 * size[0], 2 * size[1])), alone)
        save(f"{name}-tilted.jpg", picture.rotate(8, fillcolor="#777777"), alone)
        save(f"{name}-mirrored.jpg", ImageOps.mirror(picture), alone)
    both = Image.new("RGB", (1024, 600), "#777777")
    both.paste(people["eileen"], (0, 40))
    both.paste(people["grace"], (512, 0))
    save("both.jpg", both, frozenset(people))
    save("scene.jpg", Image.fromarray(data.coffee()), frozenset())  # type: ignore[no-untyped-call]
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


def dated(seed: int, at: str, width: int = 640, height: int = 480) -> bytes:
    """Return a drawn picture that a camera dated, as 2026:11:21 22:00:00."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = at
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(seed, width, height))).save(out, "JPEG", exif=exif)
    return out.getvalue()


def damaged(seed: int = 0) -> bytes:
    """Return a PNG that is whole by its head and its end, and damaged in its middle."""
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(seed))).save(out, "PNG")
    data = bytearray(out.getvalue())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    return bytes(data)


def person_alone() -> tuple[str, Path, Path]:
    """Return a guest of the labelled set, their selfie, and a photo with only them on it."""
    photos = labelled()
    name = "obama" if "obama" in photos.selfies else next(iter(photos.selfies))
    alone = next(path for path, people in sorted(photos.people.items()) if people == {name})
    return name, photos.selfies[name], alone
