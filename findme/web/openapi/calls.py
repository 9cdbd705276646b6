"""What every call of the API is described with: who may make it, how it can fail, its pages."""

from collections.abc import Mapping, Sequence

from findme.models import Size
from findme.web.openapi.json_schema import Schema, list_of, one_of, ref, text, whole
from findme.web.responses import DEFAULT_LIMIT, MAX_LIMIT

#: Who may call, as OpenAPI's security: any one of the schemes will do.
ANYONE: Sequence[Schema] = ()
SIGNED_IN: Sequence[Schema] = ({"bearer": []}, {"cookie": []})
UPLOADER: Sequence[Schema] = ({"uploadToken": []}, *SIGNED_IN)

#: What the statuses of a problem mean; each call lists its own.
FAILURES = {
    401: "Sign in first (or the token is not valid any more).",
    403: "Not allowed: a cookie without a same-origin proof (csrf), or a gallery of own.",
    404: "There is nothing here, or nothing that the caller may see.",
    409: "This contradicts what is there: join_closed, email_taken.",
    413: "Larger than this server takes.",
    415: "Not a picture of a kind that FindMe takes.",
    416: "The range begins behind the end.",
    422: "What was sent cannot be used; code, field and problems say why.",
    429: "Too many attempts; Retry-After says when.",
    503: "Not now; Retry-After says when: queue_full.",
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": whole()}}
RETRY_LATER = (429, 503)
PAGE_HEADERS = {
    "X-Total-Count": {"description": "How many there are in all.", "schema": whole()},
    "Link": {"description": '<…>; rel="next" while there is more.', "schema": text()},
}
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic")
BINARY = text(format="binary")


def query(name: str, description: str, schema: Schema) -> Schema:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


BEFORE = query("before", "Where the page before ended: follow Link rather than make it up.", text())
LIMIT = query(
    "limit",
    "Items of a page.",
    whole(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT),
)
EVENT = query("event", "An event's id; the one joined last if left out.", text())
SIZE = query("size", "", one_of([*Size]) | {"default": str(Size.PREVIEW)})


def answer(
    description: str,
    schema: Schema | None = None,
    *,
    media_types: Sequence[str] = ("application/json",),
    headers: Mapping[str, object] | None = None,
) -> Schema:
    """Return a response; without a *schema* it has no body."""
    made: Schema = {"description": description}
    if schema is not None:
        made["content"] = {media_type: {"schema": schema} for media_type in media_types}
    if headers:
        made["headers"] = dict(headers)
    return made


def page(item: str) -> Schema:
    """Return the response of a list: a bare array, newest first."""
    return answer("Newest first.", list_of(ref(item)), headers=PAGE_HEADERS)


def body(schema: Schema, *media_types: str) -> Schema:
    """Return a request's body, JSON where no type is given."""
    types = media_types or ("application/json",)
    return {"required": True, "content": {name: {"schema": schema} for name in types}}


def call(
    tag: str,
    summary: str,
    who: Sequence[Schema],
    answers: Mapping[int, Schema],
    *,
    fails: Sequence[int] = (),
    parameters: Sequence[Schema] = (),
    takes: Schema | None = None,
) -> Schema:
    """Return an operation; the problems are those of *fails*.

    401 and 404 follow if not everybody may call, 413 if there is a body.
    """
    statuses = sorted(
        {*fails, *([401, 404] if who else []), *([403, 413] if takes is not None else [])}
    )
    responses: dict[str, Schema] = {str(status): made for status, made in answers.items()}
    for status in statuses:
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    made: Schema = {
        "tags": [tag],
        "summary": summary,
        "security": list(who),
        "responses": responses,
    }
    if parameters:
        made["parameters"] = list(parameters)
    if takes is not None:
        made["requestBody"] = takes
    return made


GONE = {204: answer("Done.")}
