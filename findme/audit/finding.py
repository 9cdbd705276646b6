"""One thing that an audit found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that should not be there, or that is missing."""

    #: A short name of what is wrong, such as `vector of nobody`.
    kind: str
    #: Where: a table and an id, a collection, a file.
    where: str

    def __str__(self) -> str:
        """Return the finding as a line."""
        return f"{self.kind}: {self.where}"
