"""Multipart forms that are none, or that say one thing and send another."""

import gzip
import zlib
from collections.abc import Mapping

from tests.support.bad_inputs.sending import Request
from tests.support.bad_inputs.values import BOUNDARY, FIELD, FORM, form

MISSING, CONSENT = "422 no_face", "422 consent_required"
DISPOSITION = b'Content-Disposition: form-data; name="%s"'


def part(headers: bytes, content: bytes = b"Ada", *, end: bool = True) -> bytes:
    """Return a form of one part, with these header lines."""
    closing = b"--\r\n" if end else b""
    mark = BOUNDARY.encode()
    return b"--" + mark + b"\r\n" + headers + b"\r\n\r\n" + content + b"\r\n--" + mark + closing


def named(name: bytes, *lines: bytes) -> bytes:
    """Return the header lines of a part with a name."""
    return b"\r\n".join([DISPOSITION % name, *lines])


WHOLE = form(name=b"Ada", consent=b"yes", language=b"en")
SELFIE = b'Content-Disposition: form-data; name="selfie"; filename="a.jpg"'

#: What stands beside `multipart/form-data`, and the body.
FORMS: Mapping[str, tuple[str, bytes, str]] = {
    "no boundary": ("", WHOLE, FIELD),
    "an empty boundary": ("; boundary=", WHOLE, FIELD),
    "a boundary of 71 letters": (f"; boundary={'b' * 71}", WHOLE, FIELD),
    "a boundary of another form": ("; boundary=other", WHOLE, FIELD),
    "a boundary with a line": ('; boundary="x7d y"', WHOLE, FIELD),
    "no part": (f"; boundary={BOUNDARY}", f"--{BOUNDARY}--\r\n".encode(), CONSENT),
    "no body": (f"; boundary={BOUNDARY}", b"", FIELD),
    "rubbish": (f"; boundary={BOUNDARY}", bytes(range(256)) * 4, FIELD),
    "words before the first part alone": (f"; boundary={BOUNDARY}", b"Hello!\r\n" * 20, FIELD),
    "no end": (f"; boundary={BOUNDARY}", part(named(b"name"), end=False), FIELD),
    "cut off in the headers": (f"; boundary={BOUNDARY}", WHOLE[:30], FIELD),
    "cut off in a value": (f"; boundary={BOUNDARY}", WHOLE[: len(WHOLE) // 2], FIELD),
    "no header": (f"; boundary={BOUNDARY}", part(b"no header"), FIELD),
    "no disposition": (f"; boundary={BOUNDARY}", part(b"X-Part: name"), CONSENT),
    "no name": (f"; boundary={BOUNDARY}", part(b"Content-Disposition: form-data"), CONSENT),
    "an empty name": (f"; boundary={BOUNDARY}", part(named(b"")), CONSENT),
    "a disposition that is none": (
        f"; boundary={BOUNDARY}",
        part(b'Content-Disposition: ;;;=="'),
        CONSENT,
    ),
    "a name in no character set": (
        f"; boundary={BOUNDARY}",
        part(b"Content-Disposition: form-data; name*=none''%ff"),
        CONSENT,
    ),
    "no such transfer encoding": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", b"Content-Transfer-Encoding: none")),
        CONSENT,
    ),
    "base64 that is none": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", b"Content-Transfer-Encoding: base64"), b"*" * 41),
        CONSENT,
    ),
    "no such content encoding": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", b"Content-Encoding: none")),
        CONSENT,
    ),
    "gzip that is none": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", b"Content-Encoding: gzip")),
        CONSENT,
    ),
    "a header of 64 KB": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", b"X-Long: " + b"a" * 65_536)),
        FIELD,
    ),
    "1,000 headers": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", *(b"X-%d: y" % number for number in range(1000)))),
        FIELD,
    ),
    "a folded header": (
        f"; boundary={BOUNDARY}",
        part(b'Content-Disposition: form-data;\r\n name="name"'),
        FIELD,
    ),
    "NUL in a header": (f"; boundary={BOUNDARY}", part(named(b"na\0me")), FIELD),
    "101 parts": (
        f"; boundary={BOUNDARY}",
        form(**{f"field{number}": b"x" for number in range(101)}),
        FIELD,
    ),
    "a form within a form": (
        f"; boundary={BOUNDARY}",
        part(named(b"name", b"Content-Type: multipart/mixed; boundary=inner"), b"--inner--"),
        FIELD,
    ),
    "line feeds alone": (f"; boundary={BOUNDARY}", WHOLE.replace(b"\r\n", b"\n"), FIELD),
    "consent in another word": (f"; boundary={BOUNDARY}", form(consent=b"perhaps"), CONSENT),
    "consent that was withheld": (f"; boundary={BOUNDARY}", form(consent=b"no"), CONSENT),
    "a name of a megabyte": (
        f"; boundary={BOUNDARY}",
        form(name=b"a" * 2**20, consent=b"yes"),
        FIELD,
    ),
    "a language that is none": (
        f"; boundary={BOUNDARY}",
        form(name=b"Ada", consent=b"yes", language=b"xx-\0"),
        MISSING,
    ),
    "a consent that was never shown": (
        f"; boundary={BOUNDARY}",
        form(name=b"Ada", consent=b"yes", consent_id=b"../../1"),
        "409 consent_changed",
    ),
    "an empty selfie": (
        f"; boundary={BOUNDARY}",
        form(name=b"Ada", consent=b"yes", selfie=b""),
        MISSING,
    ),
    "words in place of a selfie": (
        f"; boundary={BOUNDARY}",
        form(name=b"Ada", consent=b"yes", selfie=b"my face"),
        "422 invalid_image",
    ),
    "a selfie in base64": (
        f"; boundary={BOUNDARY}",
        part(SELFIE + b"\r\nContent-Transfer-Encoding: base64", b"/9j/4AAQSkZJRg=="),
        "422 invalid_image",
    ),
}


def requests() -> dict[str, tuple[Request, str]]:
    """Return all of them, sent to join an event, with the answer that each gets."""
    found = {
        f"a form with {what}": (
            Request(
                "POST",
                "/api/events/{code}/join",
                body,
                {"Content-Type": f"multipart/form-data{more}"},
            ),
            answer,
        )
        for what, (more, body, answer) in FORMS.items()
    }
    packed = gzip.compress(WHOLE)
    for what, encoding, body in (
        ("gzip that breaks off", "gzip", packed[:-12]),
        ("gzip of other bytes", "gzip", WHOLE),
        ("deflate of other bytes", "deflate", b"\xff" * 100),
        ("gzip of gzip", "gzip", gzip.compress(packed)),
        ("zeros packed a thousandfold", "deflate", zlib.compress(bytes(30_000_000), 9)),
    ):
        found[f"a form as {what}"] = (
            Request(
                "POST",
                "/api/events/{code}/join",
                body,
                {**FORM, "Content-Encoding": encoding},
            ),
            "400 bad_request" if "of other bytes" in what else FIELD,
        )
    return found
