"""Opens what an audit reads, and runs it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import botocore.exceptions

from findme.audit import files, rows, vectors
from findme.audit.finding import Finding
from findme.audit.vectors import AskEngine
from findme.embedded.postgres import join_database
from findme.errors import StartError
from findme.recognition.aws_session import make_session, uses_aws
from findme.settings import Settings


class AuditFailed(StartError):
    """The audit cannot be made."""


async def run(settings: Settings, texts: Sequence[str] = ()) -> list[Finding]:
    """Return what is wrong, and where one of *texts* is; the service may run meanwhile.

    AuditFailed or StartError if something cannot be read.
    """
    async with join_database(settings) as dsn:
        try:
            conn = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise AuditFailed(f"The database cannot be reached: {error}") from error
        try:
            async with _engine(settings) as ask:
                found = await rows.check(conn) + sorted(await vectors.compare(conn, ask))
            event_ids = [row["id"] for row in await conn.fetch("select id from event")]
            data_dir = settings.findme_data_dir
            found += await asyncio.to_thread(files.leftovers, data_dir, event_ids)
            found += await rows.find_texts(conn, texts)
            found += await asyncio.to_thread(files.find_texts, data_dir, texts)
        except asyncpg.UndefinedTableError as error:
            raise AuditFailed("This database holds no FindMe of this version.") from error
        finally:
            await conn.close()
    return found


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[AskEngine]:
    if not await uses_aws(settings.face_engine, settings.aws_region):
        # its keys are known to the service alone, so its file is read
        yield partial(vectors.held_by_file, settings.findme_data_dir)
        return
    try:
        async with make_session().create_client(
            "rekognition", region_name=settings.aws_region
        ) as client:
            yield partial(vectors.held_by_client, client)
    except (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
    ) as error:
        raise AuditFailed(f"The face engine cannot be asked: {error}") from error
