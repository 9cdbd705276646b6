"""Requests that are no HTTP, or HTTP that nobody should send: byte by byte."""

from collections.abc import Mapping

BAD, GONE, CLOSED = "400", "404 not_found", "closed"


def get(path: str = "/healthz", *lines: str, version: str = "HTTP/1.1") -> bytes:
    """Return a request without a body, with more header lines."""
    head = [f"GET {path} {version}", "Host: 127.0.0.1", "Connection: close", *lines, "", ""]
    return "\r\n".join(head).encode("utf-8", "surrogateescape")


def post(*lines: str, body: bytes = b"{}") -> bytes:
    """Return a sign-in with these header lines."""
    head = ["POST /api/auth/login HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


CHUNKED = "Transfer-Encoding: chunked"
#: The bytes, and the answer.
BYTES: Mapping[str, tuple[bytes, str]] = {
    "an empty line alone": (b"\r\n\r\n\r\nGET\r\n\r\n", BAD),
    "words": (b"Hello, is there anybody?\r\n\r\n", BAD),
    "the beginning of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), BAD),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
    "a mail": (b"EHLO example.org\r\n\r\n", BAD),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", "200"),
    "HTTP/9.9": (get(version="HTTP/9.9"), BAD),
    "HTTP/1.x": (get(version="HTTP/1.x"), BAD),
    "another protocol": (get(version="RTSP/1.0"), "200"),
    "a method in small letters": (b"g\x00t / HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "a method with a colon": (b"GE:T / HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "no path": (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "a blank in the path": (get("/heal thz"), BAD),
    "a tab in the path": (get("/heal\tthz"), BAD),
    "a path of 20,000 letters": (get("/" + "a" * 20_000), BAD),
    "a header without a colon": (get("/healthz", "Nonsense"), BAD),
    "a header without a name": (get("/healthz", ": nothing"), BAD),
    "a blank before the colon": (get("/healthz", "X-A : b"), BAD),
    "a blank in a header's name": (get("/healthz", "X A: b"), BAD),
    "NUL in a header": (get("/healthz", "X-A: b\0c"), BAD),
    "a carriage return in a header": (get("/healthz", "X-A: b\rX-C: d"), BAD),
    "a bell in a header's name": (get("/healthz", "X\x07A: b"), BAD),
    "a folded header": (get("/healthz", "X-A: b", " c"), BAD),
    "a header of 20,000 letters": (get("/healthz", "X-A: " + "b" * 20_000), BAD),
    "a header's name of 20,000 letters": (get("/healthz", "X" * 20_000 + ": b"), BAD),
    "1,000 headers": (get("/healthz", *(f"X-{number}: y" for number in range(1000))), BAD),
    "two hosts": (get("/healthz", "Host: example.org"), BAD),
    "a length that is none": (post("Content-Length: two"), BAD),
    "a negative length": (post("Content-Length: -2"), BAD),
    "a length with a sign": (post("Content-Length: +2"), BAD),
    "a length in hexadecimal": (post("Content-Length: 0x2"), BAD),
    "two lengths": (post("Content-Length: 2", "Content-Length: 3"), BAD),
    "a list of lengths": (post("Content-Length: 2, 2"), BAD),
    "a length of 30 digits": (post("Content-Length: " + "9" * 30), BAD),
    "a length beside chunks": (
        post("Content-Length: 2", CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"),
        BAD,
    ),
    "no such transfer encoding": (post("Transfer-Encoding: none"), BAD),
    "chunks that are not the last encoding": (post("Transfer-Encoding: chunked, gzip"), BAD),
    "chunks twice": (post("Transfer-Encoding: chunked, chunked"), BAD),
    "a hidden transfer encoding": (post("Transfer-Encoding: \x0bchunked"), BAD),
    "a chunk without a size": (post(CHUNKED, body=b"x\r\n{}\r\n0\r\n\r\n"), BAD),
    "a negative chunk": (post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n"), BAD),
    "a chunk of 30 digits": (
        post(CHUNKED, body=b"f" * 30 + b"\r\n{}\r\n0\r\n\r\n"),
        BAD,
    ),
    "a chunk that is longer than it says": (
        post(CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n"),
        BAD,
    ),
    "a chunk with a line feed alone": (
        post(CHUNKED, body=b"2\n{}\n0\n\n"),
        BAD,
    ),
    "a method that there is not": (
        b"BREW /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        BAD,
    ),
    "TRACE": (
        b"TRACE /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "405 method_not_allowed",
    ),
    "CONNECT": (
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n",
        GONE,
    ),
    "OPTIONS of all": (
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        GONE,
    ),
    "another site's address": (get("http://example.org/api/me"), "401 sign_in_required"),
    "a path upwards": (get("/static/0/../../../etc/passwd"), GONE),
    "a path upwards in code": (get("/static/0/%2e%2e/%2e%2e/%2e%2e/etc/passwd"), GONE),
    "a path upwards in twofold code": (get("/static/0/%252e%252e%252fetc%252fpasswd"), GONE),
    "a path with backslashes": (get("/static/0/..\\..\\etc\\passwd"), GONE),
    "NUL in a path": (get("/api/events/%00"), GONE),
    "broken UTF-8 in a path": (get("/api/events/%ff%fe"), GONE),
    "half a code in a path": (get("/api/events/%4"), GONE),
    "lines in a path": (get("/api/events/a%0d%0aX-A:%20b"), GONE),
    "10,000 parts of a path": (get("/" + "a/" * 3000), GONE),
    "an id of a thousand digits": (get("/api/photo/" + "9" * 1000), GONE),
    "no such expectation": (get("/healthz", "Expect: miracles"), "417"),
    "a token that is none": (get("/api/me", "Authorization: Bearer x"), "401 sign_in_required"),
    "an empty token": (get("/api/me", "Authorization: Bearer "), "401 sign_in_required"),
    "another kind of proof": (
        get("/api/me", "Authorization: Basic YTpi"),
        "401 sign_in_required",
    ),
    "a token of 7,000 letters": (
        get("/api/me", "Authorization: Bearer " + "a" * 7000),
        "401 sign_in_required",
    ),
    "a token in other letters": (
        get("/api/me", "Authorization: Bearer \u20ac\udcff"),
        "401 sign_in_required",
    ),
    "a cookie that is none": (get("/api/me", 'Cookie: ;;;="\\'), "401 sign_in_required"),
    "a session that is none": (
        get("/api/me", "Cookie: findme_session=\u20ac; findme_session=../.."),
        "401 sign_in_required",
    ),
    "a time that is none": (get("/healthz", "If-Modified-Since: yesterday"), "200"),
    "a tag that is none": (get("/healthz", 'If-None-Match: W/""""'), "200"),
    "languages that are none": (get("/healthz", "Accept-Language: ;q=x,,*;q=9, \u20ac"), "200"),
    "a body where none belongs": (get("/healthz", "Content-Length: 2") + b"{}", "200"),
    "an upgrade that is not offered": (
        get("/healthz", "Upgrade: websocket", "Sec-WebSocket-Key: x"),
        "200",
    ),
}


def requests() -> dict[str, tuple[bytes, str]]:
    """Return all of them by what they are, with the answer that each gets."""
    return {f"HTTP: {what}": sent for what, sent in BYTES.items()}
