"""The tests' own vector tile is one that an independent reader understands."""

from __future__ import annotations

from tests.mvt import decode
from tests.tile_server import pmtiles, vector_tile


def test_the_vector_tile_and_the_archive_are_well_formed() -> None:
    (feature,) = decode(vector_tile("water"))["water"]
    assert feature.kind == 3
    assert feature.parts[0][:4] == [(512, 512), (3584, 512), (3584, 3584), (512, 3584)]
    assert pmtiles()[:8] == b"PMTiles\x03"
