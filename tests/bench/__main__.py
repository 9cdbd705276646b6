"""Run every benchmark and print one table."""

import asyncio

from tests.bench import upload


def main() -> None:
    """Print a line for each figure."""
    rows = asyncio.run(upload.measure())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    main()
