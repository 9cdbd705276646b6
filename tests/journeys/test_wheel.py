"""The wheel alone: `pip wheel .` gives a package that serves from an empty folder."""

import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pytest

from tests.support.pictures import ROOT
from tests.support.service import environment

SOURCES = (
    "findme",
    "migrations",
    "templates",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


def run(*words: str | Path, cwd: Path) -> str:
    ended = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The `findme` command of a fresh environment with the wheel, and this one's dependencies."""
    # pip leaves its build folders beside the sources
    sources = tmp_path / "sources"
    sources.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, sources / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, sources / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", ".", "--no-deps", "--wheel-dir", tmp_path / "wheels", cwd=sources)
    wheels = list((tmp_path / "wheels").iterdir())
    assert len(wheels) == 1
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheels[0], cwd=tmp_path)
    packages = next(home.glob("lib/python*/site-packages"))
    # the folder itself, without the .pth files in it: an editable FindMe stays unseen
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return home / "bin" / "findme"


def test_the_wheel_migrates_and_serves_from_an_empty_folder(installed: Path, scratch: Path) -> None:
    empty = scratch / "wheel"
    empty.mkdir()
    where = run(
        installed.parent / "python", "-c", "import findme; print(findme.__file__)", cwd=empty
    )
    assert Path(where.strip()).is_relative_to(installed.parent.parent)
    with (
        (scratch / "wheel.log").open("wb") as log,
        subprocess.Popen(
            [installed, "serve", "--port", "0"],
            cwd=empty,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            ready = next(line for line in lines if line.startswith("FindMe is ready: "))
            url = ready.rpartition(" ")[2].strip()
            page = get(url + "/").decode()
            static = set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page))
            assert static
            for path in static:
                assert get(url + path)
            assert b'"status"' in get(url + "/readyz")
        finally:
            process.terminate()
    assert process.returncode == 0


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        body: bytes = answer.read()
        return body
