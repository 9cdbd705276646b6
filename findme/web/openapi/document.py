"""The OpenAPI document of the calls that an application answers, derived from its routes."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web

import findme
from findme.errors import (
    Conflict,
    CrossSiteRequest,
    FindMeError,
    InvalidRequest,
    NotFound,
    SignInRequired,
    TooManyAttempts,
    UploadTooLarge,
)
from findme.web import cookies
from findme.web.openapi.route import JSON, PROBLEM, Answer, Call, Header, Query, Shape, Tag, Who
from findme.web.shapes import Problem

Schema: TypeAlias = dict[str, Any]

REF: Final = "#/components/schemas/{name}"
TAGS: Final = {
    Tag.JOINING: "From the code on the table to the first photo.",
    Tag.ACCOUNT: "What a signed-in person may do with what is theirs.",
    Tag.PHOTOS: "Lists and pictures, for guests and admins.",
    Tag.UPLOADING: "For photographers, with an upload token, and for admins.",
    Tag.EVENTS: "For admins.",
    Tag.OPERATING: "For admins: the queue, costs, webhooks, the audit log.",
    Tag.SERVICE: "For probes and programs.",
}
#: Any one of the schemes will do; an empty one asks for none.
SECURITY: Final[Mapping[Who, Sequence[Schema]]] = {
    Who.ANYONE: [],
    Who.ANYONE_OR_USER: [{}, {"bearer": []}, {"cookie": []}],
    Who.USER: [{"bearer": []}, {"cookie": []}],
    Who.ADMIN: [{"bearer": []}, {"cookie": []}],
    Who.UPLOADER: [{"uploadToken": []}, {"bearer": []}, {"cookie": []}],
    Who.UPLOAD_TOKEN: [{"uploadToken": []}],
}
SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of POST /api/auth/login or of joining.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookies.SESSION,
        "description": "The same session; what it changes needs a same-origin proof "
        "(Sec-Fetch-Site, Origin or Referer).",
    },
    "uploadToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A photographer's token: uploads to one event, and nothing else.",
    },
}
#: The usual problem of a status, which most calls share.
USUAL: Final[Sequence[type[FindMeError]]] = (
    SignInRequired,
    CrossSiteRequest,
    NotFound,
    Conflict,
    UploadTooLarge,
    InvalidRequest,
    TooManyAttempts,
)
RETRY_AFTER: Final = Header("Retry-After", "Seconds.", int)


class Document:
    """The description of an application's calls, derived when it is first asked for."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls

    @cached_property
    def schema(self) -> Schema:
        """The document as data."""
        return describe(self.calls)

    @cached_property
    def json(self) -> bytes:
        """The document as it is served."""
        return msgspec.json.encode(self.schema)


DOCUMENT: web.AppKey[Document] = web.AppKey("DOCUMENT", Document)


def describe(calls: Sequence[Call]) -> Schema:
    """Return the description of calls, OpenAPI 3.1; paths and shapes in the order of the calls."""
    shapes = _Shapes(calls)
    paths: Schema = {}
    for call in calls:
        about = paths.setdefault(call.path, _path_parameters(call))
        about[call.method.lower()] = _operation(call, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FindMe",
            "version": findme.__version__,
            "summary": "Each guest of an event gets the photos they are in.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": str(name), "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": shapes.components,
            "responses": {
                "Problem": shapes.answer(
                    Answer(0, "Any other failure.", Problem, (PROBLEM,)),
                ),
                **{f"Problem{error.status}": _problem([error], shapes) for error in USUAL},
            },
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


class _Shapes:
    """The JSON schemas of all shapes that the calls name, by msgspec."""

    def __init__(self, calls: Sequence[Call]) -> None:
        shapes = [Problem, *(shape for call in calls for shape in _shapes_of(call))]
        schemas, components = msgspec.json.schema_components(shapes, ref_template=REF)
        self._schemas = {
            id(shape): _plain(schema) for shape, schema in zip(shapes, schemas, strict=True)
        }
        # the shapes stay alive as long as their ids are keys
        self._kept = shapes
        self.components = {name: _plain(schema) for name, schema in components.items()}

    def of(self, shape: Shape) -> Schema:
        """Return the schema of a shape that one of the calls names."""
        found: Schema = self._schemas[id(shape)]
        return found

    def content(self, shapes: Mapping[str, Shape]) -> Schema:
        """Return a body: shapes by media type; of None, what its media type says."""
        return {
            media_type: {
                "schema": _raw(media_type) if shape is None else self.of(shape),
            }
            for media_type, shape in shapes.items()
        }

    def answer(self, answer: Answer) -> Schema:
        """Return an answer; one without shape and media types has no body."""
        made: Schema = {"description": answer.about}
        media_types = answer.media_types or ([] if answer.shape is None else [JSON])
        if media_types:
            made["content"] = self.content(dict.fromkeys(media_types, answer.shape))
        if answer.headers:
            made["headers"] = {
                header.name: {"description": header.about, "schema": self.of(header.shape)}
                for header in answer.headers
            }
        return made


def _shapes_of(call: Call) -> list[Shape]:
    about = call.description
    shapes = [parameter.shape for parameter in about.parameters]
    shapes += [] if about.takes is None else [*about.takes.shapes.values()]
    for answer in about.answers:
        shapes += [answer.shape, *(header.shape for header in answer.headers)]
    return [shape for shape in shapes if shape is not None]


def _plain(schema: Any) -> Any:
    """Return a schema as people read it: a type or null is a list of types, words are strings."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _plain(item) for name, item in schema.items()}
    if made.get("default", ...) is None and "anyOf" in made:
        del made["default"]
    if "enum" in made:
        made = {"type": "string", **made}
    match made.get("anyOf"):
        case [{"type": str(kind)} as only, {"type": "null"}]:
            del made["anyOf"]
            made = {**only, **made, "type": [kind, "null"]}
            if "enum" in made:
                made["enum"] = [*made["enum"], None]
    return made


def _raw(media_type: str) -> Schema:
    if media_type.startswith("text/") or media_type.endswith("+xml"):
        return {"type": "string"}
    return {"type": "string", "format": "binary"}


def _path_parameters(call: Call) -> Schema:
    """Return what the path itself names: every `{name}` in it is an id or a code."""
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in call.path_names
    ]
    return {"parameters": parameters} if parameters else {}


def _operation(call: Call, shapes: _Shapes) -> Schema:
    about = call.description
    responses = {str(answer.status): shapes.answer(answer) for answer in about.answers}
    for status, problems in groupby(call.problems, key=lambda problem: problem.status):
        responses.setdefault(str(status), _problem([*problems], shapes, shared=True))
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    made: Schema = {
        "tags": [str(about.tag)],
        "summary": about.summary,
        "security": SECURITY[about.who],
        "x-callers": str(about.who),
        "responses": responses,
    }
    if about.parameters:
        made["parameters"] = [_parameter(one, shapes) for one in about.parameters]
    if about.takes is not None:
        made["requestBody"] = {
            "required": about.takes.required,
            "content": shapes.content(about.takes.shapes),
        }
    if about.deprecated:
        made["deprecated"] = True
    return made


def _parameter(one: Query | Header, shapes: _Shapes) -> Schema:
    schema = shapes.of(one.shape)
    if isinstance(one, Query) and one.default is not None:
        schema = {**schema, "default": one.default}
    return {
        "name": one.name,
        "in": "query" if isinstance(one, Query) else "header",
        "description": one.about,
        "schema": schema,
    }


def _problem(
    problems: Sequence[type[FindMeError]], shapes: _Shapes, *, shared: bool = False
) -> Schema:
    """Return the answer of a status: its sentences, and an example of each code.

    *shared*: if there is only the usual problem, a reference to the answer of all calls.
    """
    status = problems[0].status
    if shared and problems[0] in USUAL and len(problems) == 1:
        return {"$ref": f"#/components/responses/Problem{status}"}
    about = " ".join(problem.sentence() for problem in problems)
    again = [] if problems[0].retry_after is None else [RETRY_AFTER]
    made = shapes.answer(Answer(status, about, Problem, (PROBLEM,), again))
    made["content"][PROBLEM]["examples"] = {
        problem.code: {
            "value": msgspec.to_builtins(
                Problem(
                    type="about:blank",
                    title=HTTPStatus(status).phrase,
                    status=status,
                    detail=problem.sentence(),
                    code=problem.code,
                )
            )
        }
        for problem in problems
    }
    return made
