"""The heavy part of the load, cut into tasks for any number of processes: devices and observations by COPY."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from data_sources._demo import binary, rows
from data_sources._demo.fleet import Fleet
from data_sources._demo.rows import Frame
from data_sources._demo.series import Series

OBSERVATION = ("int8", "timestamptz", "timestamptz", "float8", "int2")
_STREAMS_A_TASK = 800


@dataclass(frozen=True)
class City:
    """All a worker needs to write its share."""

    fleet: Fleet
    frame: Frame
    series: Series
    exceeded: NDArray[np.bool_]  # by device
    hours: int
    step_s: int


@dataclass(frozen=True, slots=True)
class Task:
    what: str  # "device" or "observation"
    lo: int
    hi: int


def tasks(city: City) -> list[Task]:
    """Chunk borders are fixed, so that the same seed gives the same rows whoever writes them."""
    out = [Task("device", lo, min(lo + rows.CHUNK, city.fleet.size)) for lo in range(0, city.fleet.size, rows.CHUNK)]
    n = city.series.streams
    return out + [Task("observation", lo, min(lo + _STREAMS_A_TASK, n)) for lo in range(0, n, _STREAMS_A_TASK)]


def last_times(city: City, stream: NDArray[np.int64]) -> NDArray[np.float64]:
    """Time of the newest value of each stream at the load (for silent ones the newest before they fell silent)."""
    series, now = city.series, city.frame.now
    off = series.off_since[stream]
    end = np.where(off > 0, np.minimum(off, now), now)
    step = series.step_s(city.step_s)[stream]
    return np.asarray(end - (end - series.phase[stream]) % step, dtype=np.float64)


def write(conn: psycopg.Connection[tuple[object, ...]], city: City, task: Task) -> int:
    if task.what == "device":
        return _write_devices(conn, city, task)
    return _write_observations(conn, city, task)


def _write_devices(conn: psycopg.Connection[tuple[object, ...]], city: City, task: Task) -> int:
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in rows.DEVICE_COLUMNS)
    with conn.cursor() as cur, cur.copy(sql.SQL("COPY device ({}) FROM STDIN").format(columns)) as copy:
        lines = list(rows.device_lines(city.fleet, city.frame, city.exceeded, task.lo, task.hi))
        copy.write("\n".join(lines) + "\n")
    return task.hi - task.lo


def observation_rows(city: City, lo: int, hi: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """(stream, epoch seconds) of every value of streams `lo` to `hi`, by stream and time: each step, then hourly."""
    stream = np.arange(lo, hi)
    series, begin = city.series, city.frame.now - city.hours * 3600
    for hourly in (False, True):
        mine = stream[series.hourly[stream] == hourly]
        if not len(mine):
            continue
        step = int(series.step_s(city.step_s)[mine[0]])
        newest = city.frame.now - (city.frame.now - series.phase[mine]) % step
        at = newest[:, None] - step * np.arange(city.hours * 3600 // step - 1, -1, -1)[None, :]
        off = series.off_since[mine]
        missing = (at > series.gone_at[mine][:, None]) & (at <= series.back_at[mine][:, None])
        keep = (at > begin - 1) & ~missing & ((off == 0)[:, None] | (at <= off[:, None]))
        yield np.broadcast_to(mine[:, None], at.shape)[keep], np.asarray(at[keep], dtype=np.float64)


def _write_observations(conn: psycopg.Connection[tuple[object, ...]], city: City, task: Task) -> int:
    count = 0
    query = "COPY observation (datastream_id, observed_at, received_at, value, quality) FROM STDIN (FORMAT binary)"
    with conn.cursor() as cur, cur.copy(query) as copy:
        copy.write(binary.HEADER)
        for stream, at in observation_rows(city, task.lo, task.hi):
            value, quality = city.series.values(stream, at)
            received = np.minimum(at + 1.2, city.frame.now)
            columns = (stream + city.frame.first_stream, binary.pg_time(at), binary.pg_time(received), value, quality)
            copy.write(binary.rows(OBSERVATION, columns, {3: np.isnan(value)}))
            count += len(stream)
        copy.write(binary.TRAILER)
    return count


# ---------------------------------------------------------------- in several processes

# What a worker process was started with.
_mine: list[tuple[psycopg.Connection[tuple[object, ...]], City]] = []


def connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """An owner's connection for bulk work: a crash in the middle is answered by loading again."""
    conn = psycopg.connect(dsn, autocommit=True)
    conn.execute("SET synchronous_commit = off")
    conn.execute("SET ioc.chained = on")  # history written here is the product's own
    return conn


def _start(dsn: str, city_file: str) -> None:
    city = pickle.loads(Path(city_file).read_bytes())  # noqa: S301 - written by the parent process a moment ago
    _mine.append((connect(dsn), city))


def _run(task: Task) -> tuple[str, int]:
    conn, city = _mine[0]
    return task.what, write(conn, city, task)


class Crew:
    """Writes a city's tasks: in this process (`processes` 0), or in several beside what the caller goes on doing."""

    def __init__(
        self, dsn: str, city: City, processes: int, folder: Path, progress: Callable[[str, int], None]
    ) -> None:
        self._dsn, self._city, self._progress = dsn, city, progress
        self._pool: ProcessPoolExecutor | None = None
        self._pending: set[Future[tuple[str, int]]] = set()
        self._file = folder / "demo-load.pickle"
        self.counts: dict[str, int] = {"device": 0, "observation": 0}
        if processes:
            folder.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(pickle.dumps(city))
            spawn = get_context("spawn")  # a forked child would share database sockets and threads
            self._pool = ProcessPoolExecutor(processes, spawn, _start, (dsn, str(self._file)))
            self._pending = {self._pool.submit(_run, t) for t in tasks(city)}

    def finish(self) -> dict[str, int]:
        try:
            if self._pool is None:
                with connect(self._dsn) as conn:
                    for task in tasks(self._city):
                        self._done(task.what, write(conn, self._city, task))
            while self._pending:
                done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
                for future in done:
                    self._done(*future.result())
        finally:
            self.close()
        return self.counts

    def _done(self, what: str, n: int) -> None:
        self.counts[what] += n
        self._progress(what, self.counts[what])

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._file.unlink(missing_ok=True)
