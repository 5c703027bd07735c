"""`ioc doctor`: pgRouting in the database, and what the import found out about the road network."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row

from ioc.store import routing

Said: TypeAlias = tuple[str, str]
# Below this share of all length on the main network a department's file is worth another look.
LEAST_MAIN = 0.9


def pgrouting(conn: psycopg.Connection[Any]) -> tuple[bool, Said, Said]:
    """(good, said, advice)."""
    version = routing.version(conn)
    good = bool(version) and tuple(int(n) for n in re.findall(r"\d+", version)[:2]) >= routing.LEAST
    if not good:
        zh, en = f"pgRouting {version or '未安装'}", f"pgRouting {version or 'missing'}"
        said = f"{zh}：没有道路行程时间与等时圈", f"{en}: no road travel times, no isochrones"
        advice = (
            f"本机：运行 scripts/setup 后重启；外部数据库请管理员安装 pgRouting 并执行 {routing.STATEMENT}",
            "this machine: run scripts/setup and start again; in an outside database an administrator installs"
            f" pgRouting and runs: {routing.STATEMENT}",
        )
        return False, said, advice
    return True, (f"pgRouting {version}", f"pgRouting {version}"), ("", "")


def network(conn: psycopg.Connection[Any]) -> tuple[bool, Said, Said]:
    """Of every source: stretches, components, dead ends, one-way traps, stretches without a class."""
    with conn.cursor(row_factory=dict_row) as cur:
        if (cur.execute("SELECT to_regclass('road_source') AS t").fetchone() or {})["t"] is None:
            return True, ("路网未导入", "no road network"), ("", "")
        rows = cur.execute("SELECT source, edges, detail FROM road_source ORDER BY source").fetchall()
    if not rows:
        return True, ("路网未导入", "no road network"), ("", "")
    zh: list[str] = []
    en: list[str] = []
    good = True
    for row in rows:
        d: dict[str, Any] = row["detail"]
        share = float(d.get("main_share", 1))
        good = good and share >= LEAST_MAIN
        zh.append(
            f"{row['source']}：{row['edges']} 段，{d.get('components', 0)} 个连通分量，主网占里程 {share:.0%}，"
            f"断头短线 {d.get('stubs', 0)}，单行陷阱 {d.get('traps', 0)}，无等级 {d.get('classless', 0)}"
        )
        en.append(
            f"{row['source']}: {row['edges']} stretches, {d.get('components', 0)} components, {share:.0%} of the length"
            f" on the main network, {d.get('stubs', 0)} short dead ends, {d.get('traps', 0)} one-way traps,"
            f" {d.get('classless', 0)} without a class"
        )
    advice = (
        "路网不连通处没有行程时间：检查端点是否相接（IOC_ROAD_SNAP_M）、单行方向与桥隧层级后重新导入",
        "where the network is broken there are no travel times: look at ends that do not meet (IOC_ROAD_SNAP_M),"
        " directions and levels, and import again",
    )
    return good, ("；".join(zh), "; ".join(en)), advice
