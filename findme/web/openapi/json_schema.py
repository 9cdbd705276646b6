"""The few words of JSON Schema that the description of the API is written in."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Schema: TypeAlias = dict[str, object]


def ref(name: str) -> Schema:
    """Return a reference to a shape of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(schema: Schema) -> Schema:
    """Return an array of a shape."""
    return {"type": "array", "items": schema}


def obj(members: Mapping[str, Schema], *, optional: Sequence[str] = ()) -> Schema:
    """Return an object; its members are required but for the *optional* ones."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": dict(members), "required": required}


def text(description: str = "", **more: object) -> Schema:
    """Return a string."""
    return {"type": "string", **({"description": description} if description else {}), **more}


def one_of(words: Sequence[str], description: str = "") -> Schema:
    """Return a string that is one of *words*."""
    return text(description, enum=[str(word) for word in words])


def whole(description: str = "", **more: object) -> Schema:
    """Return a whole number."""
    return {**text(description), "type": "integer", **more}


def number(description: str = "", **more: object) -> Schema:
    """Return a number."""
    return {**text(description), "type": "number", **more}


def flag(description: str = "") -> Schema:
    """Return true or false."""
    return {**text(description), "type": "boolean"}


def or_null(schema: Schema) -> Schema:
    """Return a shape or null."""
    if "type" not in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    if "enum" in schema:
        schema = {**schema, "enum": [*_items(schema["enum"]), None]}
    return {**schema, "type": [schema["type"], "null"]}


def _items(values: object) -> list[object]:
    assert isinstance(values, list)
    return values
