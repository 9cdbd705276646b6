"""Run the faults of a seed: `python -m tests.chaos --seed 7 --kills 100 --minutes 30`.

It prints its seed and every round. The exit code is 1 if something did not hold.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.faults import KINDS
from tests.chaos.invariants import LEASE_SECONDS
from tests.chaos.run import Report, plan, play
from tests.chaos.worlds import LAYOUTS

#: Bytes of the disk that `full disk` fills.
DISK = "4g"
#: Seconds beyond a lease within which work goes on.
SLACK_SECONDS = 5.0


def draw_faults(seed: int, layout: str, kills: int) -> list[str]:
    """Return faults in a random order: as many kills as are asked for, a third as many others."""
    chance = random.Random(f"{seed}/{layout}")
    killing = [name for name, make in KINDS.items() if make().kills]
    others = [name for name in KINDS if name not in killing]
    drawn = [killing[number % len(killing)] for number in range(kills)]
    drawn += [others[number % len(others)] for number in range(max(len(others), kills // 3))]
    chance.shuffle(drawn)
    return drawn


@contextmanager
def own_disk() -> Iterator[Path]:
    """Yield a folder on a small disk in memory of its own, if this process may mount one."""
    with tempfile.TemporaryDirectory(prefix="findme-chaos-") as name:
        home = Path(name)
        home.chmod(0o755)
        disk = home / "disk"
        disk.mkdir(mode=0o755)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "findme-chaos", str(disk)]
        mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
        if not mounted:
            print("[chaos] no disk of its own can be mounted: the fault `full disk` is left out")
        try:
            yield disk
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", str(disk)], check=True)


def tell(report: Report) -> None:
    """Print how the rounds of a world went."""
    print(
        f"[chaos] {report.layout}: {report.faults} faults, {report.kills} of them kills; "
        f"{report.photos} photos accepted; {report.seconds:.0f} s"
    )
    for fault, seconds in sorted(report.back.items()):
        print(
            f"[chaos]   back to work after {fault}: median {statistics.median(seconds):.1f} s, "
            f"at most {max(seconds):.1f} s ({len(seconds)} times)"
        )
    for what in report.broken:
        print(f"[chaos]   BROKEN: {what}")


def main(arguments: Sequence[str]) -> int:
    """Play all rounds; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=100, help="of processes, in all layouts")
    parser.add_argument("--minutes", type=float, default=30, help="begin no world after them")
    parser.add_argument("--layout", choices=[*LAYOUTS], action="append")
    parser.add_argument("--round", type=int, help="play this round of the seed alone")
    parser.add_argument("--fault", choices=[*KINDS], action="append", help="only these")
    given = parser.parse_args(arguments)
    layouts = given.layout or [*LAYOUTS]
    print(f"[chaos] --seed {given.seed}", flush=True)
    begun, reports = time.monotonic(), []
    for layout in layouts:
        if time.monotonic() - begun > given.minutes * 60:
            print(f"[chaos] no time is left for {layout}")
            break
        faults = given.fault or draw_faults(given.seed, layout, given.kills // len(layouts))
        rounds = plan(given.seed, layout, faults)
        if given.round is not None:
            rounds = [each for each in rounds if each.number == given.round]
        with own_disk() as home:
            reports.append(asyncio.run(play(layout, home, rounds, seed=given.seed)))
        tell(reports[-1])
    late = [
        f"{seconds:.1f} s after {fault}"
        for report in reports
        for fault, times in report.back.items()
        for seconds in times
        if seconds > LEASE_SECONDS + SLACK_SECONDS
    ]
    print(f"[chaos] later back to work than lease + {SLACK_SECONDS:.0f} s: {late or 'never'}")
    return 1 if late or any(report.broken for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
