"""Events and cases of the past days as rows, with their histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from data_sources._demo import binary, text
from data_sources._demo.casework import Setting, Work, case_rows
from data_sources._demo.copying import Conn, copy_lines, next_id
from data_sources._demo.grids import Written
from data_sources._demo.rows import Frame, iso
from ioc.fold import fold_all
from ioc.geo import to_metres


def write(conn: Conn, s: Setting, done: Sequence[Work], frame: Frame, grid: Written) -> tuple[int, int]:
    """Events and cases with their histories. Returns (events, cases)."""
    cells = grid.at([w.lon for w in done], [w.lat for w in done])
    lon, lat = np.array([w.lon for w in done]), np.array([w.lat for w in done])
    east, north = to_metres(lon, lat, frame.srid)
    geom, geom_m = binary.ewkb_points(lon, lat, 4326), binary.ewkb_points(east, north, frame.srid)
    first_event, first_case = next_id(conn, "event", "event_id"), next_id(conn, "cases", "case_id")
    case_of: dict[int, int] = {}
    for w, at in zip(done, cells, strict=True):
        _give(w, grid.officer(at))
    cases = _copy_cases(conn, s, done, frame, geom, geom_m, cells, first_case, case_of)

    def lines() -> Iterable[str]:
        g = frame.ground
        for i, w in enumerate(done):
            closed = w.closed is not None
            status = "closed" if closed else "open"
            yield text.line(
                (
                    first_event + i,
                    w.source,
                    f"{w.number}-1",
                    w.title,
                    w.scheme,
                    w.code,
                    w.urgency,
                    w.level,
                    status,
                    w.suspected,
                    geom[i],
                    geom_m[i],
                    w.h3_10,
                    w.address,
                    int(frame.region_ids[w.village]),
                    text.array(cells[i]),
                    case_of.get(i),
                    iso(w.occurred),
                    iso(w.opened),
                    iso(w.opened),
                    iso(w.closed or w.opened),
                    fold_all(w.title, w.number, g.folded[w.village], w.address),
                    {"icon": w.icon} if w.icon else {},
                    "demo",
                )
            )

    columns = (
        "event_id",
        "source",
        "source_id",
        "title",
        "category_scheme",
        "category_code",
        "urgency",
        "incident_level",
        "status",
        "suspected",
        "geom",
        "geom_m",
        "h3_10",
        "address",
        "region_id",
        "grid_cell_ids",
        "case_id",
        "occurred_at",
        "received_at",
        "recorded_at",
        "updated_at",
        "search",
        "attributes",
        "origin",
    )
    events = copy_lines(conn, "event", columns, lines())
    conn.execute(
        """
        INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, origin, record)
        SELECT event_id, version, recorded_at, 'new', 'demo', region_id, 'demo', ioc_record(e)
        FROM event e WHERE origin = 'demo'
        """
    )
    conn.execute(
        """
        INSERT INTO case_history (case_id, version, recorded_at, op, actor, region_id, origin, record)
        SELECT case_id, version, recorded_at, 'new', 'demo', region_id, 'demo', ioc_record(c)
        FROM cases c WHERE origin = 'demo'
        """
    )
    return events, cases


def _give(w: Work, officer: str) -> None:
    """A grid event that has left its first stages is in the hands of the officer of its cell (`Flow.to_officer`)."""
    if w.flow != "grid" or not officer or w.stage in ("reported", "accepted"):
        return
    w.stages = [{**stage, "by": officer} if stage.get("by") == w.officer else stage for stage in w.stages]
    w.officer = officer


def _copy_cases(
    conn: Conn,
    s: Setting,
    done: Sequence[Work],
    frame: Frame,
    geom: Sequence[str],
    geom_m: Sequence[str],
    cells: Sequence[list[int]],
    first: int,
    case_of: dict[int, int],
) -> int:
    times = ("opened_at", "responded_at", "due_at", "total_due_at", "closed_at")
    found = list(case_rows(s, done, frame.region_ids.tolist()))
    if not found:
        return 0
    columns = (
        "case_id",
        *found[0][1],
        "geom",
        "geom_m",
        "h3_10",
        "grid_cell_id",
        "search",
        "origin",
        "recorded_at",
        "updated_at",
    )

    def lines() -> Iterable[str]:
        for k, (i, row) in enumerate(found):
            case_of[i] = first + k
            w = done[i]
            row = {c: iso(v) if c in times and v is not None else v for c, v in row.items()}
            row["stages"], row["sources"] = text.Json(row["stages"]), text.Json(row["sources"])
            search = fold_all(w.title, w.number, frame.ground.folded[w.village], w.address, w.officer)
            yield text.line(
                (
                    first + k,
                    *row.values(),
                    geom[i],
                    geom_m[i],
                    w.h3_10,
                    cells[i][0] if cells[i] else None,
                    search,
                    "demo",
                    iso(w.opened),
                    iso(w.closed or w.opened),
                )
            )

    return copy_lines(conn, "cases", columns, lines())
