"""A RAW file as small as can be: DNG 1.4 with a mosaic and the JPEG of the camera."""

import struct

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
_CODES = {1: "B", 3: "H", 4: "I"}
SIDE = 64


def make(jpeg: bytes | None, width: int, height: int, *, orientation: int = 1) -> bytes:
    """Return a RAW file; *jpeg* is what the camera put into it, None: nothing."""
    mosaic = struct.pack(f"<{SIDE * SIDE}H", *(n % 4096 for n in range(SIDE * SIDE)))
    raw = {
        254: (4, [0]),  # the full picture
        256: (4, [SIDE]),
        257: (4, [SIDE]),
        258: (3, [16]),
        259: (3, [1]),
        262: (3, [32803]),  # a colour filter array
        273: (4, [0]),
        277: (3, [1]),
        278: (4, [SIDE]),
        279: (4, [len(mosaic)]),
        33421: (3, [2, 2]),
        33422: (1, [0, 1, 1, 2]),
    }
    first: dict[int, tuple[int, list[int]]] = {
        254: (4, [1]),  # a smaller picture
        274: (3, [orientation]),
        330: (4, [0]),
        50706: (1, [1, 4, 0, 0]),
        50708: (2, [*b"FindMe Test\0"]),
        271: (2, [*b"FindMe\0"]),
        272: (2, [*b"Test\0"]),
    }
    if jpeg is None:
        first |= {274: (3, [orientation])}
    else:
        first |= {
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [8, 8, 8]),
            259: (3, [7]),
            262: (3, [6]),
            273: (4, [0]),
            277: (3, [3]),
            278: (4, [height]),
            279: (4, [len(jpeg)]),
        }
    at = 8
    sub_at = at + _length(first)
    mosaic_at = sub_at + _length(raw)
    first[330] = (4, [sub_at])
    raw[273] = (4, [mosaic_at])
    if jpeg is not None:
        first[273] = (4, [mosaic_at + len(mosaic)])
    head = b"II*\0" + struct.pack("<I", at)
    return head + _directory(first, at) + _directory(raw, sub_at) + mosaic + (jpeg or b"")


def _length(tags: dict[int, tuple[int, list[int]]]) -> int:
    sizes = (_SIZES[kind] * len(values) for kind, values in tags.values())
    return 6 + 12 * len(tags) + sum(size + size % 2 for size in sizes if size > 4)


def _directory(tags: dict[int, tuple[int, list[int]]], at: int) -> bytes:
    entries, extra = b"", b""
    extra_at = at + 6 + 12 * len(tags)
    for tag, (kind, values) in sorted(tags.items()):
        code = "B" if kind == 2 else _CODES[kind]
        data = struct.pack(f"<{len(values)}{code}", *values)
        entries += struct.pack("<HHI", tag, kind, len(values))
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", extra_at + len(extra))
            extra += data + bytes(len(data) % 2)
    return struct.pack("<H", len(tags)) + entries + bytes(4) + extra
