"""Roads of an OpenStreetMap extract (.osm.pbf, .osm): every way with a `highway` tag that is a road or a path.

OpenStreetMap is WGS 84. Junctions are the nodes two ways share, so no geometry is guessed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import osmium.filter
import osmium.io
import osmium.osm
import shapely

from ioc.command.roads.ways import Way
from ioc.dictionaries import Dictionary
from ioc.errors import Invalid
from ioc.intake.datasets import _road_fields, _road_turns
from ioc.intake.datasets._road_lines import KEPT_RAW, Lines
from ioc.intake.reasons import reason
from ioc.store.rejects import Rejected

ENDINGS = (".pbf", ".osm", ".o5m")
# Tags by the field they are read as; the first that is there.
TAGS: Mapping[str, tuple[str, ...]] = {
    "class": ("highway",), "name": ("name:zh", "name", "ref"), "oneway": ("oneway",), "speed_kmh": ("maxspeed",),
    "lanes": ("lanes",), "width_m": ("maxwidth", "width"), "max_height_m": ("maxheight",),
    "max_weight_t": ("maxweight",), "bridge": ("bridge",), "tunnel": ("tunnel",), "level": ("layer",),
    "access": ("access",), "motor_vehicle": ("motor_vehicle", "motorcar", "vehicle"), "foot": ("foot",),
    "emergency": ("emergency",),
}  # fmt: skip
# Not there (yet), or no road at all.
NONE = frozenset({"proposed", "construction", "abandoned", "razed", "platform", "raceway", "rest_area", "services",
                  "elevator", "no", "planned", "disused"})  # fmt: skip
IMPLIED = frozenset({"motorway", "motorway_link"})  # one way unless told otherwise
_CHUNK = 20_000
_FILE_FROM = 200 << 20  # bytes of an extract whose nodes are kept in a file instead of in memory


def header(path: Path) -> tuple[float | None, str]:
    """(longitude of the first node, when the extract was made or ""). Raises Invalid."""
    if not path.is_file():
        raise Invalid(f"没有文件 {path}", f"no file {path}")
    try:
        lon: float | None = None
        for node in osmium.FileProcessor(str(path), osmium.osm.NODE):
            lon = float(node.lon)  # pyright: ignore - nodes only; one is readable while it is being passed
            break
        made = osmium.io.Reader(str(path)).header().get("osmosis_replication_timestamp")
    except (RuntimeError, OSError, ValueError) as e:
        raise Invalid(f"无法读取 {path.name}：{e}", f"cannot read {path.name}: {e}") from e
    return lon, str(made or "")


@dataclass
class _Chunk:
    """Ways read and not yet laid into metres."""

    made: list[Way] = field(default_factory=list[Way])
    ignored: list[list[str]] = field(default_factory=list[list[str]])
    tags: list[str] = field(default_factory=list[str])
    nodes: list[list[tuple[int, float, float]]] = field(default_factory=list[list[tuple[int, float, float]]])


def take(
    out: Lines, path: Path, tables: Mapping[str, Dictionary], box: tuple[float, ...] | None,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """`box`: west, south, east, north beyond which no way is looked at. Raises Invalid for an unreadable file."""
    with tempfile.TemporaryDirectory(prefix="ioc-osm-") as folder:
        large = path.stat().st_size > _FILE_FROM
        storage = f"sparse_file_array,{folder}/nodes" if large else "flex_mem"
        chunk = _Chunk()
        try:
            ways = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations(storage)
            ways = ways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
            for way in ways.with_filter(osmium.filter.KeyFilter("highway")):
                _take(out, chunk, way, tables, box)
                if len(chunk.made) >= _CHUNK:
                    _lay(out, chunk)
                    progress(out.read)
                    chunk = _Chunk()
            _road_turns.take(out, path)
        except (RuntimeError, OSError, ValueError) as e:
            raise Invalid(f"无法读取 {path.name}：{e}", f"cannot read {path.name}: {e}") from e
        _lay(out, chunk)
        progress(out.read)


def _take(out: Lines, chunk: _Chunk, way: Any, tables: Mapping[str, Dictionary], box: tuple[float, ...] | None) -> None:
    tags = {t.k: t.v for t in way.tags}
    if tags["highway"] in NONE or tags.get("area") == "yes":
        return
    nodes = [(n.ref, n.lon, n.lat) for n in way.nodes if n.location.valid()]
    nodes = [n for i, n in enumerate(nodes) if not i or n[0] != nodes[i - 1][0]]
    if (
        box is not None
        and nodes
        and not any(box[0] <= lon <= box[2] and box[1] <= lat <= box[3] for _, lon, lat in nodes)
    ):
        out.outside += 1
        return
    raw = json.dumps(tags, ensure_ascii=False)[:KEPT_RAW]
    if len(nodes) < 2:
        out.rejected.append(Rejected(str(way.id), [reason("geometry", "empty_geometry")], raw))
        out.read += 1
        return
    record = {f: next((tags[t] for t in names if t in tags), None) for f, names in TAGS.items()}
    if record["oneway"] is None and (tags["highway"] in IMPLIED or tags.get("junction") in ("roundabout", "circular")):
        record["oneway"] = "yes"
    made, _, ignored = _road_fields.way(
        record | {"external_id": str(way.id)}, way.id, tables["road_class"], tables["road_vehicle"], lenient=True
    )
    chunk.made.append(made)
    chunk.ignored.append(ignored)
    chunk.tags.append(raw)
    chunk.nodes.append(nodes)


def _lay(out: Lines, chunk: _Chunk) -> None:
    if not chunk.made:
        return
    sizes = [len(n) for n in chunk.nodes]
    lonlat = np.array([n[1:] for nodes in chunk.nodes for n in nodes])
    degrees: Any = shapely.linestrings(lonlat, indices=np.repeat(np.arange(len(sizes)), sizes))
    metres = out.metres(degrees)
    inside = out.inside(metres)
    for i, way in enumerate(chunk.made):
        if not inside[i]:
            out.outside += 1
            continue
        out.read += 1
        out.ignored.update(chunk.ignored[i])
        out.refs.append(tuple(n[0] for n in chunk.nodes[i]))
        out.add(way, shapely.to_wkb(degrees[i]), chunk.tags[i], metres[i : i + 1])
