"""Collections and their faces: durable in SQLite, mirrored in memory for the search.

Nothing here may be called from two threads at once; the service keeps one thread for it.
"""

import fcntl
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from findme.engine import FACE_MODEL_VERSION
from findme.engine.errors import (
    FaceModelVersionMismatchException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from findme.engine.faces import Box
from findme.engine.similarity import SCALES, Scale
from findme.engine.vectors import VectorTable

_SCHEMA = """
pragma journal_mode = wal;
pragma synchronous = full;      -- what was answered is on disk
pragma foreign_keys = on;
pragma secure_delete = on;      -- deleted vectors are overwritten with zeros
create table if not exists collection (
    id integer primary key,
    name text not null unique,
    model text not null,
    created real not null,      -- seconds since 1970
    tags text not null
);
create table if not exists person (
    id integer primary key,
    collection integer not null references collection on delete cascade,
    user_id text not null,
    unique (collection, user_id)
);
create table if not exists face (
    -- Never used twice, so that a page token means the same after a deletion.
    id integer primary key autoincrement,
    collection integer not null references collection on delete cascade,
    face_id text not null,
    image_id text not null,
    external_image_id text,
    box text not null,          -- left, top, width, height as JSON
    confidence real not null,
    vector blob not null,       -- 128 float32, little endian
    person integer references person on delete set null,
    unique (collection, face_id)
);
create index if not exists face_person on face (person) where person is not null;
drop view if exists stored_face;
create view stored_face as
    select face.id, face_id, image_id, external_image_id, box, confidence, vector, user_id,
           face.collection, person, model
    from face join collection on collection.id = face.collection
              left join person on person.id = face.person;
create table if not exists token (
    operation text not null,
    token text not null,
    request text not null,      -- digest of what was asked
    answer text not null,
    used real not null,
    primary key (operation, token)
);
"""


class GalleryInUse(Exception):
    """Another face service is running on this data directory."""


@dataclass(frozen=True, slots=True)
class StoredFace:
    """One face of a collection."""

    face_id: str
    image_id: str
    external_image_id: str | None
    box: Box
    confidence: float
    vector: NDArray[np.float32]
    model: str
    """FaceModelVersion of its vector."""
    user_id: str | None = None
    number: int = 0
    """Where it stands in the order of its collection; 0 while it isn't stored."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of faces that are searched together."""

    number: int
    name: str
    model: str
    """FaceModelVersion of all its vectors."""
    created: float

    @property
    def scale(self) -> Scale:
        """What distances of its vectors mean; FaceModelVersionMismatchException if not known."""
        if self.model not in SCALES:
            raise FaceModelVersionMismatchException
        return SCALES[self.model]


class Gallery:
    """All collections below one directory, which is locked meanwhile."""

    def __init__(self, folder: Path) -> None:
        # Face vectors are nobody else's business on a machine with several accounts.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (folder / "faces.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise GalleryInUse(f"Another face service is running on {folder}.") from error
        # Opened by the thread that loads, used by the one that serves.
        self.database = sqlite3.connect(
            folder / "faces.sqlite3", isolation_level=None, check_same_thread=False
        )
        self.database.row_factory = sqlite3.Row
        self.database.executescript(_SCHEMA)
        self._tables: dict[int, VectorTable] = {}
        for number, collection, vector in self.database.execute(
            "select id, collection, vector from face order by id"
        ):
            self._table(collection).add(number, np.frombuffer(vector, "<f4"))

    def close(self) -> None:
        """Fold the log into the database and let the directory go."""
        self.database.execute("pragma wal_checkpoint(truncate)")
        self.database.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do several things at once: they are on disk when the block ends, or not done at all."""
        self.database.execute("begin immediate")
        try:
            yield self.database
        except BaseException:
            self.database.execute("rollback")
            raise
        self.database.execute("commit")

    # Collections

    def create(self, name: str, tags: dict[str, str]) -> Collection:
        """Add an empty collection."""
        try:
            self.database.execute(
                "insert into collection (name, model, created, tags) values (?, ?, ?, ?)",
                (name, FACE_MODEL_VERSION, time.time(), orjson.dumps(tags).decode()),
            )
        except sqlite3.IntegrityError as error:
            raise ResourceAlreadyExistsException(
                f"The collection id: {name} already exists"
            ) from error
        return self.collection(name)

    def delete(self, name: str) -> None:
        """Remove a collection, its faces and its users, from the disk too."""
        collection = self.collection(name)
        self.database.execute("delete from collection where id = ?", (collection.number,))
        self._tables.pop(collection.number, None)
        self.forget()

    def forget(self) -> None:
        """Overwrite what the write-ahead log still holds of deleted rows."""
        self.database.execute("pragma wal_checkpoint(truncate)")

    def collection(self, name: str) -> Collection:
        """Find a collection by its name."""
        row = self.database.execute(
            "select id, name, model, created from collection where name = ?", (name,)
        ).fetchone()
        if row is None:
            raise ResourceNotFoundException(f"The collection id: {name} does not exist")
        return Collection(*row)

    def current(self, name: str) -> Collection:
        """Find a collection that vectors of today's model may be put in and compared with.

        FaceModelVersionMismatchException if it holds those of another model.
        """
        collection = self.collection(name)
        if collection.model != FACE_MODEL_VERSION:
            raise FaceModelVersionMismatchException(
                f"The collection id: {name} holds vectors of the face model {collection.model}, "
                f"and this service makes those of {FACE_MODEL_VERSION}. Index its pictures into a "
                "new collection."
            )
        return collection

    def counts(self, collection: Collection) -> tuple[int, int]:
        """How many faces and users it holds."""
        faces, users = self.database.execute(
            """select (select count(*) from face where collection = ?1),
                      (select count(*) from person where collection = ?1)""",
            (collection.number,),
        ).fetchone()
        return faces, users

    def collections(self, after: int, limit: int) -> list[Collection]:
        """List collections after number *after*, in the order in which they were made."""
        rows = self.database.execute(
            """select id, name, model, created from collection
               where id > ? order by id limit ?""",
            (after, limit),
        )
        return [Collection(*row) for row in rows]

    # Faces

    def add(self, collection: Collection, faces: Iterable[StoredFace]) -> list[StoredFace]:
        """Store faces; those that are there already stay as they are and are returned too."""
        added: list[tuple[int, NDArray[np.float32]]] = []
        with self.transaction() as database:
            stored = []
            for face in faces:
                row = database.execute(
                    """insert into face (collection, face_id, image_id, external_image_id, box,
                                         confidence, vector)
                       values (?, ?, ?, ?, ?, ?, ?)
                       on conflict do nothing returning id""",
                    (
                        collection.number,
                        face.face_id,
                        face.image_id,
                        face.external_image_id,
                        orjson.dumps(
                            [face.box.left, face.box.top, face.box.width, face.box.height]
                        ).decode(),
                        face.confidence,
                        face.vector.astype("<f4").tobytes(),
                    ),
                ).fetchone()
                if row is not None:
                    added.append((row[0], face.vector))
                stored.append(face.face_id)
        for number, vector in added:
            self._table(collection.number).add(number, vector)
        found = {face.face_id: face for face in self.faces_by_id(collection, stored)}
        return [found[face_id] for face_id in stored]

    def faces(
        self, collection: Collection, after: int, limit: int, user_id: str | None = None
    ) -> list[StoredFace]:
        """List faces after number *after* in the order of their arrival, of one user if asked."""
        rows = self.database.execute(
            """select * from stored_face
               where collection = ?1 and id > ?2 and (?3 is null or user_id = ?3)
               order by id limit ?4""",
            (collection.number, after, user_id, limit),
        )
        return [_stored(row) for row in rows]

    def faces_by_id(self, collection: Collection, face_ids: Sequence[str]) -> list[StoredFace]:
        """Find the faces with these ids that are there, in the order of their arrival."""
        rows = self.database.execute(
            """select * from stored_face
               where collection = ? and face_id in (select value from json_each(?)) order by id""",
            (collection.number, orjson.dumps(face_ids).decode()),
        )
        return [_stored(row) for row in rows]

    def remove(self, collection: Collection, faces: Sequence[StoredFace]) -> None:
        """Delete stored faces."""
        with self.transaction() as database:
            database.executemany(
                "delete from face where id = ?", [(face.number,) for face in faces]
            )
        self._table(collection.number).remove(face.number for face in faces)
        self.forget()

    def search(
        self, collection: Collection, vector: NDArray[np.float32], threshold: float, limit: int
    ) -> list[tuple[float, StoredFace]]:
        """Find the *limit* most similar faces, best first, of at least *threshold* percent."""
        table = self._table(collection.number)
        scale = collection.scale
        near = table.within(vector, scale.widest_distance(threshold))[:limit]
        rows = self.database.execute(
            "select * from stored_face where id in (select value from json_each(?))",
            (orjson.dumps([number for number, _ in near]).decode(),),
        )
        found = {row["id"]: _stored(row) for row in rows}
        return [(scale.of_distance(distance), found[number]) for number, distance in near]

    def _table(self, collection: int) -> VectorTable:
        return self._tables.setdefault(collection, VectorTable())


def _stored(row: sqlite3.Row) -> StoredFace:
    vector = np.frombuffer(row["vector"], "<f4").astype(np.float32)
    return StoredFace(
        row["face_id"],
        row["image_id"],
        row["external_image_id"],
        Box(*orjson.loads(row["box"])),
        row["confidence"],
        vector,
        row["model"],
        row["user_id"],
        row["id"],
    )
