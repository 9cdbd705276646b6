"""The AWS session: where credentials and a region come from, and whether there are any."""

import functools

from aiobotocore.session import AioSession, get_session
from botocore.loaders import Loader, create_loader


def make_session() -> AioSession:
    """Return a session that finds credentials anew, but reads AWS's description of its API once."""
    session = get_session()
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@functools.cache
def _loader(data_path: str | None) -> Loader:
    return create_loader(data_path)


async def uses_aws(face_engine: str, region: str | None) -> bool:
    """Whether FACE_ENGINE and AWS_REGION mean AWS, or another server with its protocol."""
    return face_engine == "aws" or (face_engine == "auto" and await aws_is_configured(region))


async def aws_is_configured(region: str | None) -> bool:
    """Whether AWS credentials and a region are found, as FACE_ENGINE=auto asks."""
    session = make_session()
    if region is None and session.get_config_variable("region") is None:
        return False
    return await session.get_credentials() is not None
