"""The headers and limits that all streams of server-sent events share."""

import random

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx would hold messages back until its buffer is full
    "X-Accel-Buffering": "no",
}
#: Seconds that a client may take to accept a message; a slower one is disconnected.
WRITE_SECONDS = 20.0
#: Seconds after which a stream ends and the page reconnects: its session may have ended meanwhile.
LIFETIME = 15 * 60.0
#: Milliseconds until a page reconnects, at random: not all pages at once after a restart.
RETRY = (1000, 4000)


def retry_line() -> bytes:
    """Return the first message of a stream: when to reconnect if it breaks off."""
    return f"retry: {random.randint(*RETRY)}\n\n".encode()  # noqa: S311
