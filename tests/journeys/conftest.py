"""What journeys begin with, in a browser and with the watcher; some files make their own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import (
    DESKTOP,
    PATIENCE,
    Organiser,
    Visit,
    launched,
    organising,
    visiting,
)
from tests.support.service import Service
from tests.support.watching import Desk, Watch, desk_of

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a file."""
    with launched() as opened:
        yield opened


@pytest.fixture(scope="module")
def organiser(browser: Browser, service: Service) -> Iterator[Organiser]:
    """The admin at the API."""
    with organising(browser, service) as opened:
        yield opened


@pytest.fixture
def guest(browser: Browser, service: Service) -> Iterator[Visit]:
    """A guest with a telephone, in French."""
    with visiting(browser, service) as visit:
        yield visit


@pytest.fixture
def admin(browser: Browser, service: Service) -> Iterator[Visit]:
    """The admin at a desk, in English, signed in through the page."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        visit.goto("/admin")
        visit.page.fill("#email", service.admin_email)
        visit.page.fill("#password", service.admin_password)
        visit.page.press("#password", "Enter")
        visit.page.wait_for_url("**/admin")
        yield visit


@pytest.fixture
async def desk(service: Service) -> AsyncIterator[Desk]:
    """An event at the server, and a photographer's token for it."""
    async with desk_of(service) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The photographer's folder."""
    made = tmp_path / "Event"
    made.mkdir()
    return made


@pytest.fixture
def watch(desk: Desk, folder: Path, tmp_path: Path) -> Watch:
    """The watcher of that folder."""
    return Watch(folder, desk.url, desk.token, tmp_path / "journal.sqlite3")
