"""Run the benchmarks and print one table; `make bench engine search` runs those two."""

import argparse
import asyncio
from collections.abc import Sequence

from tests.bench import (
    archive,
    engine,
    face_service,
    hostile,
    latency,
    load,
    phones,
    reindex,
    scale,
    search,
    upload,
    watcher,
)

BENCHES = {
    "archive": archive.measure,
    "engine": engine.measure,
    "service": face_service.measure,
    "hostile": hostile.measure,
    "latency": latency.measure,
    "load": load.measure,
    "phones": phones.measure,
    "reindex": reindex.measure,
    "scale": scale.measure,
    "search": search.measure,
    "upload": upload.measure,
    "watcher": watcher.measure,
}


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    names = parser.parse_args().names or list(BENCHES)
    if unknown := set(names) - set(BENCHES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    print_reports(names)


def print_reports(names: Sequence[str]) -> None:
    """Print the figures of reports, one below the other."""
    rows = [row for name in names for row in asyncio.run(BENCHES[name]())]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    main()
