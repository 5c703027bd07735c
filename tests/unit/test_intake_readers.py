"""Readers of files that are odd in a way files are: wide gaps between ids, a feature that never ends."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import geopandas
import pytest
import shapely

from ioc.intake import readers
from ioc.intake.readers import Rows, open_file


def read(path: Path, size: int) -> list[Rows]:
    return list(open_file(path).batches(size))


def test_a_geopackage_whose_ids_are_codes_is_read_by_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "50% & more.gpkg"
    points = [shapely.Point(120 + i / 100, 28) for i in range(7)]
    frame = geopandas.GeoDataFrame({"n": range(7)}, geometry=points, crs="EPSG:4490")
    frame.to_file(path, layer="spots", engine="pyogrio", layer_options={"SPATIAL_INDEX": "NO"})
    with sqlite3.connect(path) as db:
        db.execute("UPDATE spots SET fid = fid * fid * 10000000000000")
    batches = read(path, 3)
    assert [len(b.records) for b in batches] == [3, 3, 1]
    assert [r["n"] for b in batches for r in b.records] == list(range(7))
    assert [n for b in batches for n in b.numbers] == list(range(1, 8))


def test_a_broken_feature_is_not_sought_to_the_end_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "FEATURE_MAX", 1 << 20)
    good = '{"type": "Feature", "properties": {"n": 1}, "geometry": null}'
    path = tmp_path / "x.geojson"
    path.write_text('{"type": "FeatureCollection", "features": [' + good + ', {"broken": ' + "x" * (3 << 20), "utf-8")
    file = readers.GeoJsonFile.__new__(readers.GeoJsonFile)
    file._path, file._encoding = path, "utf-8"
    found = file._features()
    assert next(found)["properties"] == {"n": 1}
    with pytest.raises(ValueError, match="Expecting value"):
        next(found)
