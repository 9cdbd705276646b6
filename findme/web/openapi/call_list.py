"""The list of all calls as Markdown: docs/api-calls.md, which `make docs` writes."""

from collections.abc import Sequence

from findme.web.openapi.document import TAGS
from findme.web.openapi.route import Call, Who

_HEAD = """\
<!-- Written by `make docs` from the routes: change the description beside the handler instead. -->
# Every call

What calls have in common is in [the HTTP interface](api.md); what each takes and answers, at \
`/api/docs` of a running FindMe.
"""
_CALLERS = {
    Who.ANYONE: "anyone",
    Who.ANYONE_OR_USER: "anyone",
    Who.USER: "user",
    Who.ADMIN: "admin",
    Who.UPLOADER: "upload token, admin",
    Who.UPLOAD_TOKEN: "upload token",
}


def call_list(calls: Sequence[Call]) -> str:
    """Return the page: the calls by subject, with who may make them."""
    parts = [_HEAD]
    for tag, about in TAGS.items():
        rows = [_row(call) for call in calls if call.description.tag is tag]
        parts.append(f"\n## {tag}\n\n{about}\n\n| call | for | |\n|---|---|---|\n" + "".join(rows))
    return "".join(parts)


def _row(call: Call) -> str:
    about = call.description
    summary = about.summary.replace("|", "\\|")
    return f"| `{call.method} {call.path}` | {_CALLERS[about.who]} | {summary} |\n"
