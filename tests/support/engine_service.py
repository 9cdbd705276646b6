"""A running face service, its clients, and pictures of people to show it."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import matplotlib.cbook
import skimage
from aiobotocore.config import AioConfig
from botocore.validate import ParamValidator
from PIL import Image, ImageEnhance, ImageOps

from findme.engine.app import serve
from tests.support.shared_session import shared_session

KEY, SECRET = "AKIDTESTS", "a secret of the tests"
Client = Any
"""types-aiobotocore knows the operations, but not the members that tests leave out on purpose."""


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[str]:
    """Run the service on a free port until the block ends."""
    ports: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(
            host="127.0.0.1",
            port=0,
            data_dir=data_dir,
            credentials={KEY: SECRET},
            ready=ports.set_result,
        )
    )
    either: set[asyncio.Future[Any]] = {task, ports}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield f"http://127.0.0.1:{ports.result()}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(url: str, secret: str = SECRET, **options: Any) -> AsyncIterator[Client]:
    """Open an AWS client for the service; every answer is checked against the model."""
    config = AioConfig(
        proxies={}, retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=60
    )
    async with shared_session().create_client(
        "rekognition",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id=KEY,
        aws_secret_access_key=secret,
        config=config,
        **options,
    ) as client:
        client.meta.events.register("after-call.rekognition", check_answer)
        yield client


def check_answer(model: Any, parsed: dict[str, Any], **_other: Any) -> None:
    """Refuse an answer that is not of the operation's output shape."""
    if "Error" not in parsed:
        # The model's least lengths are those of requests: an answer may list nothing.
        members = {
            name: value
            for name, value in parsed.items()
            if name != "ResponseMetadata" and value != []
        }
        report = ParamValidator().validate(members, model.output_shape)
        assert not report.has_errors(), report.generate_report()


def jpeg(picture: Image.Image, orientation: int | None = None) -> bytes:
    """Encode a picture, with an EXIF orientation if asked."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    picture.convert("RGB").save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


def astronaut() -> Image.Image:
    """Eileen Collins, 512 x 512, from scikit-image."""
    return Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")


def admiral() -> Image.Image:
    """Grace Hopper, 512 x 600, from matplotlib."""
    path = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return Image.open(path).convert("RGB")


def scene() -> Image.Image:
    """A cup of coffee and nobody."""
    return Image.open(Path(skimage.__file__).parent / "data" / "coffee.png").convert("RGB")


def both() -> Image.Image:
    """Both portraits side by side; the admiral's face is the larger one."""
    picture = Image.new("RGB", (1024, 600))
    picture.paste(astronaut(), (0, 0))
    picture.paste(admiral(), (512, 0))
    return picture


def labelled_folder() -> Path | None:
    """The folder with ``truth.json`` that FINDME_PHOTOS names, if there is one."""
    root = Path(__file__).parents[2]
    folder = root / os.environ.get("FINDME_PHOTOS", "../shared/photos")
    return folder if (folder / "truth.json").is_file() else None


def portraits(folder: Path) -> Path:
    """Write the two portraits, other views of them and a scene, with their truth."""
    folder.mkdir(exist_ok=True)
    pictures = {
        "astronaut.jpg": astronaut(),
        "admiral.jpg": admiral(),
        "both.jpg": both(),
        "dim.jpg": ImageEnhance.Brightness(astronaut()).enhance(0.5),
        "mirrored.jpg": ImageOps.mirror(admiral()),
        "scene.jpg": scene(),
    }
    for name, picture in pictures.items():
        (folder / name).write_bytes(jpeg(picture))
    truth = {
        "people": {"astronaut": "astronaut.jpg", "admiral": "admiral.jpg"},
        "photos": {
            "both.jpg": {"people": ["astronaut", "admiral"], "faces": 2},
            "dim.jpg": {"people": ["astronaut"], "faces": 1},
            "mirrored.jpg": {"people": ["admiral"], "faces": 1},
            "scene.jpg": {"people": [], "faces": 0},
        },
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder
