"""Looking closer at crowds."""

from itertools import pairwise

from findme.engine.tiling import MARGIN, TILE, tile_starts


def test_tiles_cover_a_side_and_overlap() -> None:
    for length in (300, TILE, TILE + 1, 1800, 3000, 4000):
        starts = tile_starts(length)

        assert starts[0] == 0
        assert length <= starts[-1] + TILE
        steps = [later - former for former, later in pairwise(starts)]
        assert all(step <= TILE - MARGIN for step in steps)
