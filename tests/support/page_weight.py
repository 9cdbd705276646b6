"""What a page costs a phone: bytes on the wire, how deep its requests hang, how much it jumps."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import CDPSession, Page

#: Collects how far things moved by themselves, from before the page's first line.
SHIFTS = """
window.shifts = [];
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) {
      shifts.push(entry.value);
      moved.push(...entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 200) ?? "text"));
    }
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@dataclass
class Request:
    """One request of a page."""

    url: str
    #: The address of what asked for it; none for the page itself.
    asked_by: str | None
    media_type: str = ""
    #: Bytes on the wire, and those of them that are the answer's head; 0 from the browser's cache.
    size: int = 0
    head: int = 0

    @property
    def body(self) -> int:
        """The compressed bytes of the answer itself."""
        return max(0, self.size - self.head)


@dataclass
class Visit:
    """The requests of one visit, in the order in which they were made."""

    requests: dict[str, Request] = field(default_factory=dict)

    def sent(self, *media_types: str) -> int:
        """Return the bytes on the wire of answers whose type contains one of these, or of all."""
        return sum(
            request.size
            for request in self.requests.values()
            if not media_types or any(name in request.media_type for name in media_types)
        )

    def body(self, media_type: str) -> int:
        """Return the compressed bytes of the answers themselves whose type contains this."""
        return sum(
            request.body for request in self.requests.values() if media_type in request.media_type
        )

    def depth(self, url: str) -> int:
        """Return how many requests had to be answered one after the other, this one included."""
        by_url = {request.url: request for request in self.requests.values()}
        deep, request = 1, by_url[url]
        while request.asked_by is not None and request.asked_by in by_url:
            deep, request = deep + 1, by_url[request.asked_by]
        return deep

    def of(self, urls: Iterable[str]) -> list[Request]:
        """Return the requests for these addresses."""
        wanted = set(urls)
        return [request for request in self.requests.values() if request.url in wanted]


def weigh(page: Page) -> tuple[CDPSession, Visit]:
    """Begin to note what *page* asks for; a stream counts with what it has sent so far."""
    visit = Visit()
    session = page.context.new_cdp_session(page)

    def asked(event: dict[str, Any]) -> None:
        initiator = event["initiator"]
        frames = initiator.get("stack", {}).get("callFrames", [])
        by = initiator.get("url") or (frames[0]["url"] if frames else None)
        visit.requests[event["requestId"]] = Request(event["request"]["url"], by)

    def answered(event: dict[str, Any]) -> None:
        request = visit.requests[event["requestId"]]
        request.media_type = event["response"]["mimeType"]
        request.head = int(event["response"]["encodedDataLength"])

    def received(event: dict[str, Any]) -> None:
        visit.requests[event["requestId"]].size += event["encodedDataLength"]

    def finished(event: dict[str, Any]) -> None:
        # with the head; what came in pieces is counted in it again
        visit.requests[event["requestId"]].size = int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.responseReceived", answered)
    session.on("Network.dataReceived", received)
    session.on("Network.loadingFinished", finished)
    session.send("Network.enable")
    return session, visit
