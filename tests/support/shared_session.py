"""One AWS session for the clients of a test process, each of which has a pool of its own."""

import functools

from aiobotocore.session import AioSession

from findme.recognition.aws_session import make_session


@functools.cache
def shared_session() -> AioSession:
    """Return a session for clients that are told their credentials, region and endpoint."""
    return make_session()
