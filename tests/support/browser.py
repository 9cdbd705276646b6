"""A real browser for the pages: Debian's chromium through Playwright, with a camera we feed."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Page, sync_playwright

from tests.support.service import Service

#: A phone, and the narrowest screen that must not scroll sideways; CSS pixels.
PHONE = (390, 844)
NARROW = (320, 640)
DESKTOP = (1440, 900)
#: Milliseconds that a page may take to show what the service works on, on a busy machine.
PATIENCE = 90_000
#: What the browser leaves out. The flag takes the place of Playwright's own, so it repeats what
#: Playwright leaves out; the last three are pages of the address bar, which no test sees and which
#: took more than half of the CPU of each new window.
_NO_FEATURES = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
)
#: No sandbox as root in a container; no traffic of the browser's own.
FLAGS = (
    f"--disable-features={','.join(_NO_FEATURES)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
#: What the camera gives, width by height.
CAMERA = (640, 480)
PASSWORD = "a long password"


def find_chromium() -> str:
    """Return the browser's path; without one the tests fail in CI and are left out elsewhere."""
    found = os.environ.get("FINDME_CHROMIUM") or shutil.which("chromium")
    if found is None:
        reason = "no chromium: install it, or name it in FINDME_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def launched(camera: Path | None = None) -> Iterator[Browser]:
    """Run the browser; *camera* is the .mjpeg that its camera shows."""
    flags = [*FLAGS, *([f"--use-file-for-fake-video-capture={camera}"] if camera else [])]
    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def film(selfie: Path, path: Path) -> Path:
    """Write a camera's stream of a still picture, the face in the middle as at arm's length."""
    with Image.open(selfie) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    frame = ImageOps.pad(upright, CAMERA, color="#777")
    out = BytesIO()
    frame.save(out, "JPEG", quality=92)
    path.write_bytes(out.getvalue() * 5)
    return path


@dataclass
class Visit:
    """One visitor's browser window and what went wrong in it."""

    page: Page
    context: BrowserContext
    url: str
    errors: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        """Open a page of the service."""
        self.page.goto(self.url + path)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return wider

    def overflow_at(self, *sizes: tuple[int, int]) -> int:
        """Return the largest overflow of the loaded page at these sizes; the last one stays."""
        wider = []
        for width, height in sizes:
            self.page.set_viewport_size({"width": width, "height": height})
            wider.append(self.overflow())
        return max(wider)


@contextmanager
def visiting(
    browser: Browser,
    service: Service,
    size: tuple[int, int] = PHONE,
    *,
    language: str = "fr-FR",
    scripts: bool = True,
) -> Iterator[Visit]:
    """Open a window of its own, without cookies of others; a script error fails the test."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale=language,
        timezone_id="Europe/Paris",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    visit = Visit(page, context, service.url)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("console", lambda message: _note(visit, message.type, message.text))
    try:
        yield visit
        assert visit.errors == []
    finally:
        context.close()


def _note(visit: Visit, kind: str, text: str) -> None:
    # what the server refuses is for the page to tell; a broken policy or script is not
    if kind == "error" and not text.startswith("Failed to load resource"):
        visit.errors.append(text)


@dataclass(frozen=True)
class Organiser:
    """An admin at the API, for what a journey needs before it begins."""

    request: APIRequestContext
    service: Service
    token: str

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Ask the API and return its JSON; anything but success fails the test."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        answer = self.request.fetch(
            self.service.url + path, method=method, headers=headers, **options
        )
        assert answer.ok, f"{method} {path}: {answer.status} {answer.text()}"
        return answer.json() if answer.body() else None

    def make_event(self, name: str, **choices: object) -> dict[str, Any]:
        """Make an event."""
        made: dict[str, Any] = self.call(
            "POST", "/api/admin/events", data={"name": name, **choices}
        )
        return made

    def wait_for_jobs(self) -> None:
        """Return once no job waits or runs: a page that is loaded then needs no second look.

        Loading pages meanwhile would take the CPU from what they wait for.
        """
        deadline = time.monotonic() + PATIENCE / 1000
        while self.call("GET", "/api/admin/queue/stats")["queue"]["current_queue_size"]:
            assert time.monotonic() < deadline, "the queue does not become empty"
            time.sleep(0.05)

    def upload(self, event: dict[str, Any], name: str, picture: bytes) -> None:
        """Send one photo."""
        self.call(
            "POST",
            f"/api/events/{event['id']}/photos?filename={name}",
            data=picture,
            headers={"Content-Type": "image/jpeg"},
        )


@contextmanager
def organising(browser: Browser, service: Service) -> Iterator[Organiser]:
    """Sign the admin in at the API."""
    context = browser.new_context()
    answer = context.request.post(
        f"{service.url}/api/auth/login",
        data={"email": service.admin_email, "password": service.admin_password},
    )
    assert answer.ok, answer.text()
    token = answer.json()["token"]
    context.clear_cookies()
    try:
        yield Organiser(context.request, service, token)
    finally:
        context.close()


def fill_in(page: Page, name: str) -> None:
    """Fill in the join form and tick the consent, once its script is there."""
    page.wait_for_load_state()
    page.fill("#name", name.capitalize())
    page.fill("#email", f"{name}@example.org")
    page.fill("#password", PASSWORD)
    page.check("#consent")


def join(visit: Visit, code: str, name: str, selfie: Path) -> None:
    """Join by a file."""
    page = visit.page
    visit.goto(f"/e/{code}")
    fill_in(page, name)
    page.click("#join .main")
    page.set_input_files("[data-pick=file]", selfie)
    page.click("[data-act=use]")
    page.wait_for_url("**/gallery?event=*")


def signed_in(visit: Visit, organiser: Organiser) -> Visit:
    """Let a window be the admin's."""
    cookie = {"name": "findme_session", "value": organiser.token, "url": visit.url}
    visit.context.add_cookies([cookie])  # type: ignore[list-item]  # the name of a TypedDict
    return visit
