"""What a team would write: FastAPI, SQLAlchemy's async ORM on asyncpg, pydantic, uvicorn.

The same tables, the same members of a photo, the same rights: a session that has not expired, of a
caller who joined the event. The guest's shelf is read from the same view as FindMe's.
"""

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import ForeignKey, LargeBinary, and_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.peers.serving import POOL


class Base(DeclarativeBase):
    """The tables that the list reads."""


class SessionRow(Base):
    """A signed-in browser."""

    __tablename__ = "session"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[int]
    expires_at: Mapped[datetime]


class GuestRow(Base):
    """A person's part in an event."""

    __tablename__ = "guest"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int]
    account_id: Mapped[int]


class PhotoRow(Base):
    """A photo."""

    __tablename__ = "photo"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int]
    filename: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    taken_at: Mapped[datetime | None]
    uploaded_at: Mapped[datetime]
    dated_at: Mapped[datetime]
    visible: Mapped[bool]
    faces: Mapped[int]
    placeholder: Mapped[str]
    credit: Mapped[str | None]


class FaceRow(Base):
    """A face on a photo."""

    __tablename__ = "face"
    id: Mapped[int] = mapped_column(primary_key=True)
    box_left: Mapped[float]
    box_top: Mapped[float]
    box_width: Mapped[float]
    box_height: Mapped[float]


class FavouriteRow(Base):
    """A guest's mark."""

    __tablename__ = "favourite"
    guest_id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id"), primary_key=True)


class MineRow(Base):
    """FindMe's view of which photos are a guest's."""

    __tablename__ = "guest_photo"
    guest_id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id"), primary_key=True)
    face_id: Mapped[int | None]
    shelf: Mapped[str]


class Box(BaseModel):
    """Where a face is."""

    left: float
    top: float
    width: float
    height: float


class Photo(BaseModel):
    """A photo as a guest sees it."""

    id: str
    event_id: str
    filename: str
    width: int
    height: int
    taken_at: datetime | None
    uploaded_at: datetime
    dated_at: datetime
    faces: int
    has_face_match: bool
    match: str | None
    face_box: Box | None
    thumb_url: str
    preview_url: str
    original_url: str
    placeholder: str
    favourite: bool
    credit: str | None


engine = create_async_engine(
    os.environ["BENCH_DSN"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=POOL
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def open_session() -> AsyncIterator[AsyncSession]:
    """Give a request its session."""
    async with sessions() as session:
        yield session


Database = Annotated[AsyncSession, Depends(open_session)]


async def caller(
    database: Database, event: int, authorization: Annotated[str, Header()]
) -> GuestRow:
    """Return the caller's part in the event; 401 or 404."""
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    found = await database.scalar(select(SessionRow).where(SessionRow.token_hash == digest))
    if found is None or found.expires_at < datetime.now(found.expires_at.tzinfo):
        raise HTTPException(401)
    guest = await database.scalar(
        select(GuestRow).where(GuestRow.event_id == event, GuestRow.account_id == found.account_id)
    )
    if guest is None:
        raise HTTPException(404)
    return guest


Caller = Annotated[GuestRow, Depends(caller)]


@app.get("/list/{name}")
async def photos(name: str, guest: Caller, database: Database) -> list[Photo]:
    """Return a hundred photos of a list."""
    mine = and_(MineRow.photo_id == PhotoRow.id, MineRow.guest_id == guest.id)
    marked = and_(FavouriteRow.photo_id == PhotoRow.id, FavouriteRow.guest_id == guest.id)
    query: Any = (
        select(PhotoRow, MineRow, FaceRow, FavouriteRow)
        .outerjoin(MineRow, mine)
        .outerjoin(FaceRow, FaceRow.id == MineRow.face_id)
        .outerjoin(FavouriteRow, marked)
        .where(PhotoRow.event_id == guest.event_id, PhotoRow.visible)
        .order_by(PhotoRow.dated_at.desc(), PhotoRow.id.desc())
        .limit(100)
    )
    if name == "mine":
        query = query.where(MineRow.shelf == "sure")
    elif name == "favourites":
        query = query.where(FavouriteRow.photo_id.is_not(None))
    rows = (await database.execute(query)).all()
    return [_photo(*row) for row in rows]


def _photo(
    photo: PhotoRow, mine: MineRow | None, face: FaceRow | None, marked: FavouriteRow | None
) -> Photo:
    path = f"/api/photo/{photo.id}?size="
    return Photo(
        id=str(photo.id),
        event_id=str(photo.event_id),
        filename=photo.filename,
        width=photo.width,
        height=photo.height,
        taken_at=photo.taken_at,
        uploaded_at=photo.uploaded_at,
        dated_at=photo.dated_at,
        faces=photo.faces,
        has_face_match=mine is not None,
        match=None if mine is None else mine.shelf,
        face_box=None
        if face is None
        else Box(
            left=face.box_left, top=face.box_top, width=face.box_width, height=face.box_height
        ),
        thumb_url=path + "thumb",
        preview_url=path + "preview",
        original_url=path + "original",
        placeholder=photo.placeholder,
        favourite=marked is not None,
        credit=photo.credit,
    )


async def _serve() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    print(f"ready: http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(_serve())
