"""推演 of decisions (REV-02 to 04): what a water level, closed roads and late forces would mean for people and forces.

What a run stands on is read once and stored with it, so that the same run can be made again years later. Nothing here
writes into what is real; every answer says `what_if`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely

from ioc import geo
from ioc.command import answer, flooding
from ioc.command import montecarlo as mc
from ioc.command.asking import Ask
from ioc.command.flooding import Wish
from ioc.command.montecarlo import Floats, Force
from ioc.command.panels import _forces, panels
from ioc.command.panels.forces import KINDS
from ioc.command.panels.people import in_metres
from ioc.errors import Conflict
from ioc.i18n import Text
from ioc.store import Store, dictionaries
from ioc.store.pool import Conn

RADIUS_M, REACH_M = 1000.0, 20_000.0
MOST_FORCES, PLACES = 30, 200
LABEL = {"zh": "推演", "en": "What-if"}
ASKED = ("people", "targets", "buildings")
NOTES = (
    Text("推演结果，不是实况", "a what-if, not what is"),
    Text(
        "到场与撤离时间为蒙特卡洛模拟的 P10/P50/P90，参数为规划取值（自拟）",
        "P10/P50/P90 of a Monte Carlo simulation; its parameters are planning values",
    ),
)


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is assumed. `closed`: circles (lon, lat, metres) where roads are closed; `delays`: minutes by resource."""

    rise_m: float | None = None
    level_m: float | None = None
    closed: tuple[tuple[float, float, float], ...] = ()
    delays: Mapping[int, float] = field(default_factory=dict[int, float])
    delay_all_min: float = 0.0
    radius_m: float = RADIUS_M
    runs: int = mc.RUNS
    seed: int = 1

    @property
    def wet(self) -> bool:
        return self.rise_m is not None or self.level_m is not None


def simulate(store: Store, ask: Ask, given: Supposed) -> dict[str, Any]:
    """{params, inputs, result}, JSON-able. Raises Invalid (no terrain for a water level, values out of order)."""
    water = flooding.simulate(store, ask, Wish(given.rise_m, given.level_m)) if given.wet else None
    flooded = _flooded(water)
    area = flooded if given.wet else ask.area if ask.area is not None else circle(ask, given.radius_m)
    closed = _closed(ask, given, flooded)
    supposed = replace(ask, area=None, radius_m=REACH_M, closed=closed)
    affected = _affected(store, ask, area) if area is not None else {}
    with store.scoped(ask.scope) as conn:
        inputs = read(conn, supposed, area, given, affected.get("people"))
        inputs["before"] = _before(conn, ask, inputs["forces"]) if closed is not None else None
        values = planning(conn, ask.now)
    result = compute(inputs, values, given.seed, given.runs)
    result |= {"affected": affected, "water": _water(water), "geometry": None if area is None else as_json(area)}
    return {"params": params(ask, given, values), "inputs": inputs, "result": result}


def planning(conn: Conn, now: dt.datetime) -> Mapping[str, float]:
    """The planning values in force: dictionary `simulation`. Raises Invalid for a triangle out of order."""
    rows = dictionaries.current(conn, now.date()).get("simulation", {})
    return mc.checked({code: float(e.attributes["value"]) for code, e in rows.items()})


def read(conn: Conn, ask: Ask, area: Any, given: Supposed, people: float | None) -> dict[str, Any]:
    """What a run is computed from: travel times of the soonest forces, distances inside the area, people."""
    forces: list[dict[str, Any]] = []
    if ask.scope.can("resource.view"):
        rows, trips, notes = _forces.gather(conn, ask, KINDS)
        free = [r for r in rows if _forces.status(r)["free"] or (ask.case_id and r["case_id"] == ask.case_id)]
        for r in free[:MOST_FORCES]:
            trip = trips[r["resource_id"]]
            delay = 60 * (given.delay_all_min + given.delays.get(r["resource_id"], 0.0))
            forces.append({"id": r["resource_id"], "name": r["name"], "kind": {"code": r["kind"], **_forces.word(r)},
                           "lon": r["lon"], "lat": r["lat"], "base_s": trip.seconds, "by": trip.by, "delay_s": delay,
                           "moving": str(r["status"]) == "en_route"})  # fmt: skip
        said = [{"zh": n.zh, "en": n.en} for n in notes]
        origin = _forces.origin(free)
    else:
        said, origin = [], "real"
    places = distances(area, ask.srid, given.seed) if area is not None else np.empty(0)
    return {"forces": forces, "distances_m": [round(float(d), 2) for d in places], "people": people, "notes": said,
            "origin": origin}  # fmt: skip


def compute(inputs: Mapping[str, Any], values: Mapping[str, float], seed: int, runs: int) -> dict[str, Any]:
    """The numbers of a run: a function of what is stored with it, and of nothing else."""
    forces = [Force(f["id"], f["base_s"], f["by"], f["delay_s"], f["moving"]) for f in inputs["forces"]]
    times = mc.arrivals(forces, values, seed, runs)
    out = [{**{k: f[k] for k in ("id", "name", "kind", "lon", "lat", "by", "base_s", "delay_s")},
            "arrives": mc.told(times[:, i]), "before_s": (inputs.get("before") or {}).get(str(f["id"]))}
           for i, f in enumerate(inputs["forces"])]  # fmt: skip
    places: Floats = np.asarray(inputs["distances_m"], dtype=np.float64)
    empty = mc.evacuation(places, inputs["people"], values, seed, runs) if len(places) else np.empty(0)
    return {
        "what_if": True, "label": LABEL, "seed": seed, "runs": runs,
        "forces": sorted(out, key=lambda f: (f["arrives"] is None, (f["arrives"] or {}).get("p50") or 9e9, f["id"])),
        "first": mc.told(mc.nth(times, 1)), "third": mc.told(mc.nth(times, 3)),
        "evacuation": mc.told(empty), "people": inputs["people"],
        "notes": [*({"zh": n.zh, "en": n.en} for n in NOTES), *inputs["notes"]],
    }  # fmt: skip


def params(ask: Ask, given: Supposed, values: Mapping[str, float]) -> dict[str, Any]:
    """All that a run was asked with, and the library whose random numbers it drew."""
    return {
        "lon": ask.lon, "lat": ask.lat, "at": ask.now.astimezone(dt.UTC).isoformat(), "rise_m": given.rise_m,
        "level_m": given.level_m, "closed": [list(c) for c in given.closed],
        "delays": {str(k): v for k, v in given.delays.items()}, "delay_all_min": given.delay_all_min,
        "radius_m": given.radius_m, "area": None if ask.area is None else as_json(ask.area), "runs": given.runs,
        "seed": given.seed, "values": dict(values), "numpy": np.__version__,
    }  # fmt: skip


def again(row: Mapping[str, Any]) -> dict[str, Any]:
    """{same, result}: a stored run computed anew from its inputs, values and seed.

    Raises Conflict where it differs because another edition of the library drew the random numbers.
    """
    made = compute(row["inputs"], row["params"]["values"], int(row["seed"]), int(row["runs"]))
    same = all(made[k] == row["result"][k] for k in ("forces", "first", "third", "evacuation"))
    if not same and row["params"]["numpy"] != np.__version__:
        zh, en = f"由 numpy {row['params']['numpy']} 算出", f"computed by numpy {row['params']['numpy']}"
        raise Conflict(zh, en)
    return {"same": same, "result": made}


# ---------------------------------------------------------------- places


def circle(ask: Ask, radius_m: float) -> Any:
    """A circle round the place, in degrees."""
    x, y = geo.to_metres(np.array([ask.lon]), np.array([ask.lat]), ask.srid)
    ring = shapely.buffer(shapely.Point(float(x[0]), float(y[0])), radius_m, quad_segs=16)
    return shapely.transform(ring, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], f"EPSG:{ask.srid}")))


def distances(area: Any, srid: int, seed: int) -> Floats:
    """Metres to the edge of `area` (degrees) of `PLACES` places drawn evenly inside it; none for an empty one."""
    shape = in_metres(area, srid)
    if shape.is_empty or shape.area <= 0:
        return np.empty(0)
    shapely.prepare(shape)
    rng = np.random.default_rng([seed, 4])
    west, south, east, north = shape.bounds
    found: list[Floats] = []
    count = 0
    for _ in range(200):
        xy = rng.random((PLACES * 4, 2)) * (east - west, north - south) + (west, south)
        inside = xy[shapely.contains_xy(shape, xy[:, 0], xy[:, 1])]
        found.append(inside)
        count += len(inside)
        if count >= PLACES:
            break
    places = np.concatenate(found)[:PLACES]
    return shapely.distance(shapely.points(places), shapely.boundary(shape))


def _flooded(water: Mapping[str, Any] | None) -> Any:
    if water is None:
        return None
    parts = [shapely.from_geojson(json.dumps(c["geometry"])) for c in water["classes"]]
    whole = shapely.union_all([shapely.make_valid(p) for p in parts]) if parts else None
    return None if whole is None or whole.is_empty else whole


def _closed(ask: Ask, given: Supposed, flooded: Any) -> bytes | None:
    """Where no road can be used: what is under water, and the circles named."""
    shapes = [circle(replace(ask, lon=lon, lat=lat), metres) for lon, lat, metres in given.closed]
    shapes += [flooded] if flooded is not None else []
    return bytes(shapely.to_wkb(shapely.union_all(shapes))) if shapes else None


def _before(conn: Conn, ask: Ask, forces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Travel times as the roads are, beside those of the what-if."""
    _, trips, _ = _forces.gather(conn, replace(ask, area=None, radius_m=REACH_M), KINDS)
    return {str(f["id"]): trips[f["id"]].seconds for f in forces if f["id"] in trips}


def _affected(store: Store, ask: Ask, area: Any) -> dict[str, Any]:
    """People and things inside, by the panels that answer for every area; a panel's state where it has no number."""
    inside = replace(ask, area=area)
    out: dict[str, Any] = {"people": None, "states": {}}
    for key in ASKED:
        if key not in panels():
            continue
        state = answer.answer(store, key, inside)
        out["states"][key] = state.state
        if state.state == "ok" and key == "people":
            last = state.data["areas"][-1]
            out |= {"people": last["total"], "groups": last["groups"], "partial": last["partial"]}
        elif state.state == "ok":
            out[key] = state.data.get("inside")
    return out


def _water(water: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if water is None:
        return None
    keep = ("level_m", "ground_m", "datum", "area_m2", "clipped", "unknown_beside")
    return {k: water[k] for k in keep} | {"terrain": water["terrain"]}


def as_json(shape: Any) -> dict[str, Any]:
    """GeoJSON of a shape in degrees, to a centimetre."""
    return json.loads(shapely.to_geojson(shapely.set_precision(shape, 1e-7, mode="pointwise")))
