"""Names, addresses, passwords, links and JSON that are none."""

import json
from collections.abc import Mapping

from tests.support.bad_inputs.sending import Request

FIELD = "422 invalid_request"
#: A form that has all that it needs but a selfie is told that alone.
FINE = "422 no_face"
BOUNDARY = "x7d"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
JSON = {"Content-Type": "application/json"}


def form(**fields: bytes) -> bytes:
    """Return a multipart body with text fields as they are."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        + value
        + b"\r\n"
        for name, value in fields.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def join(**fields: bytes) -> Request:
    """Return a form that joins, with other values than Ada's."""
    usual = {"name": b"Ada", "email": b"ada@example.org", "password": b"a long password"}
    whole = {**usual, "consent": b"yes", "language": b"en", **fields}
    return Request("POST", "/api/events/{code}/join", form(**whole), FORM)


NAMES: Mapping[str, tuple[bytes, str]] = {
    "none": (b"", FIELD),
    "blanks": (b" \t ", FIELD),
    "no-break spaces": ("\u00a0\u2003".encode(), FIELD),
    "NUL alone": (b"\0", FIELD),
    "101 letters": (b"a" * 101, FIELD),
    "10,001 letters": (b"a" * 10_001, FIELD),
    "a bell": (b"Ada\x07", FIELD),
    "an escape sequence": (b"\x1b[31mAda", FIELD),
    "a delete": (b"Ada\x7f", FIELD),
    "a mark that turns the direction": ("Ada\u202egpj.exe".encode(), FIELD),
    "a zero-width space": ("A\u200bda".encode(), FIELD),
    "a byte order mark": (b"\xef\xbb\xbfAda", FIELD),
    "a private letter": ("Ada\ue000".encode(), FIELD),
    "no letter at all": ("\uffff".encode(), FIELD),
    "a line separator": ("\u2028".encode(), FIELD),
    "100 letters": (b"a" * 100, FINE),
    "broken UTF-8": (b"Ad\xff\xfe", FINE),
    "markup": (b"<script>alert(1)</script>", FINE),
    "a template": (b"{{ 7 * 7 }}{% for %}", FINE),
    "SQL": (b"'; drop table account; --", FINE),
    "a NUL within": (b"A\0da", FINE),
    "lines": (b"Ada\r\nBcc: all@example.org", FINE),
}
ADDRESSES: Mapping[str, tuple[bytes, str]] = {
    "no sign": (b"ada", FIELD),
    "no host": (b"ada@", FIELD),
    "no name": (b"@example.org", FIELD),
    "a sign alone": (b"@", FIELD),
    "two signs": (b"ada@example@org", FIELD),
    "two addresses": (b"ada@example.org,bob@example.org", FIELD),
    "a blank": (b"ada lovelace@example.org", FIELD),
    "a name beside it": (b"Ada <ada@example.org>", FIELD),
    "another header": (b"ada@example.org\r\nBcc: all@example.org", FIELD),
    "a line feed": (b"a\nda@example.org", FIELD),
    "a tab": (b"a\tda@example.org", FIELD),
    "a no-break space": ("a\u00a0da@example.org".encode(), FIELD),
    "a bell": (b"ada\x07@example.org", FIELD),
    "a mark that turns the direction": ("\u202eada@example.org".encode(), FIELD),
    "320 letters": (b"a" * 320 + b"@example.org", FIELD),
    "10,001 letters": (b"a" * 10_001, FIELD),
    "a password alone": (b"", FIELD),
}
PASSWORDS: Mapping[str, tuple[bytes, str]] = {
    "none": (b"", FIELD),
    "7 letters": (b"abcdefg", FIELD),
    "1,025 letters": (b"a" * 1025, FIELD),
    "one of the most common": (b"password", "422 common_password"),
    "digits in a row": (b"12345678", "422 common_password"),
}
LINKS: Mapping[str, tuple[object, str]] = {
    "no address": ("nonsense", FIELD),
    "nothing": ("", FIELD),
    "a file": ("file:///etc/passwd", FIELD),
    "a script": ("javascript:alert(1)", FIELD),
    "data": ("data:text/html,x", FIELD),
    "without encryption": ("http://example.org/", FIELD),
    "another protocol": ("ftp://example.org/", FIELD),
    "gopher": ("gopher://example.org:6379/_x", FIELD),
    "no host": ("https:///path", FIELD),
    "loopback": ("https://127.0.0.1/", FIELD),
    "loopback in short": ("https://127.1/", FIELD),
    "loopback as a number": ("https://2130706433/", FIELD),
    "loopback in octal": ("https://0177.0.0.1/", FIELD),
    "loopback of IPv6": ("https://[::1]/", FIELD),
    "IPv4 within IPv6": ("https://[::ffff:127.0.0.1]/", FIELD),
    "the localhost": ("https://localhost/", FIELD),
    "a private network": ("https://10.0.0.1/", FIELD),
    "another private network": ("https://192.168.1.1/", FIELD),
    "a cloud's metadata": ("https://169.254.169.254/latest/meta-data", FIELD),
    "zero": ("https://0.0.0.0/", FIELD),
    "a user": ("https://admin:secret@example.org/", FIELD),
    "a blank": ("https://example.org/a b", FIELD),
    "lines": ("https://example.org/\r\nX: y", FIELD),
    "letters of no address": ("https://ex\u00e4mple.org/", FIELD),
    "a port that is none": ("https://example.org:99999/", FIELD),
    "half of an IPv6 address": ("https://[::1", FIELD),
    "too long": ("https://example.org/" + "a" * 3000, FIELD),
    "a number": (5, FIELD),
    "a list": (["https://example.org/"], FIELD),
    "NUL": ("https://example.org/\0", FIELD),
}
#: Bodies of a new event.
BODIES: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", FIELD),
    "half of it": (b'{"name": "Ga', FIELD),
    "words": (b"name=Gala", FIELD),
    "a list": (b'[{"name": "Gala"}]', FIELD),
    "a text": (b'"Gala"', FIELD),
    "a number": (b"7", FIELD),
    "null": (b"null", FIELD),
    "two objects": (b'{"name": "Gala"}{"name": "Gala"}', FIELD),
    "a comma too many": (b'{"name": "Gala",}', FIELD),
    "single quotes": (b"{'name': 'Gala'}", FIELD),
    "a comment": (b'{"name": "Gala"} // here', FIELD),
    "not a number": (b'{"name": NaN}', FIELD),
    "broken UTF-8": (b'{"name": "Ga\xffla"}', FIELD),
    "UTF-16": ('{"name": "Gala"}'.encode("utf-16"), FIELD),
    "half of a character": (b'{"name": "Ga\\ud83dla"}', FIELD),
    "a byte order mark": (b'\xef\xbb\xbf{"name": "Gala"}', FIELD),
    "an unknown escape": (b'{"name": "Ga\\qla"}', FIELD),
    "a control character": (b'{"name": "Ga\x01la"}', FIELD),
    "2,000 lists in each other": (b'{"name": ' + b"[" * 2000 + b"]" * 2000 + b"}", FIELD),
    "100,000 lists in each other": (b'{"name": ' + b"[" * 100_000, FIELD),
    "more than a megabyte": (
        b'{"name": "' + b"a" * 1024**2 + b'"}',
        "413 request_entity_too_large",
    ),
    "compressed, it says": (b'{"name": "Gala"}', "400 bad_request"),
    "members of the prototype": (b'{"name": "Gala", "__proto__": {"a": 1}}', FIELD),
    "an unknown member": (b'{"name": "Gala", "role": "admin"}', FIELD),
    "an id": (b'{"name": "Gala", "id": "1"}', FIELD),
}
#: Members of a new event that are wrong.
MEMBERS: Mapping[str, object] = {
    "name": ["", " ", None, 5, True, [], {}, "\0", "a" * 201, ["Gala"]],
    "starts_at": ["yesterday", 5, "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", True, []],
    "expires_at": ["9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "soon", {}, -1],
    "time_zone": ["Nowhere/None", "../../etc/passwd", "/etc/passwd", "Europe", 5, "\0"],
    "gallery": ["nobody", "EVERYONE", "", None, 1, ["own"]],
    "join_open": ["yes", 1, 0, None, "true", []],
    "accounts": ["never", None, 2, {}],
    "match_threshold": [-1, 101, "90", True, 1e309, [90]],
    "accent": ["red", "#12345", "#12345g", 5, "#335577;}", "url(x)"],
    "watermark": ["a" * 61, 5, [], "\u4e2d"],
    "contact": ["a" * 201, "a\x07b", 5, {}],
    "download_size": ["huge", None, 3],
    "publish": ["later!", None, 0],
}


def requests() -> dict[str, tuple[Request, str]]:
    """Return all of them by what they are, with the answer that each gets."""
    found: dict[str, tuple[Request, str]] = {}
    for what, (value, answer) in NAMES.items():
        found[f"a guest's name: {what}"] = (join(name=value), answer)
    for what, (value, answer) in ADDRESSES.items():
        found[f"a guest's address: {what}"] = (join(email=value), answer)
    for what, (value, answer) in PASSWORDS.items():
        found[f"a guest's password: {what}"] = (join(password=value), answer)
    for what, (link, answer) in LINKS.items():
        body = json.dumps({"url": link, "topics": ["photo.ready"]}).encode()
        found[f"a webhook: {what}"] = (Request("POST", "/api/admin/webhooks", body, JSON), answer)
    for what, (value, answer) in BODIES.items():
        headers = {**JSON, "Content-Encoding": "gzip"} if what.startswith("compressed") else JSON
        found[f"JSON: {what}"] = (Request("POST", "/api/admin/events", value, headers), answer)
    for member, values in MEMBERS.items():
        assert isinstance(values, list)
        for value in values:
            body = json.dumps({"name": "Gala", member: value}).encode()
            found[f"an event's {member}: {value!r:.30} ({type(value).__name__})"] = (
                Request("POST", "/api/admin/events", body, JSON),
                FIELD,
            )
    return found
