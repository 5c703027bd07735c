"""Figures, moments and maps of an after-action report. Pure."""

from __future__ import annotations

import datetime as dt
import re
import statistics
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from ioc.command.reporting import Sent, Term
from ioc.command.review import assemble, figures, moments, svg
from ioc.command.review import given as forms
from ioc.command.review.assemble import masked
from ioc.command.review.pdf import pdf
from ioc.errors import Invalid, NoPdf

T0 = dt.datetime(2026, 10, 3, 6, 0, tzinfo=dt.UTC)
ENDED = T0 + dt.timedelta(days=3)
TERM = Term(3, 60, 120, "U", 240, "U")
minutes = st.integers(0, 3 * 24 * 60)


def at(minute: float) -> dt.datetime:
    return T0 + dt.timedelta(minutes=minute)


# ---------------------------------------------------------------- times


@given(minutes, st.none() | minutes)
def test_a_span_is_what_a_clock_says_or_nothing(start: int, end: int | None) -> None:
    found = figures.seconds(at(start), None if end is None else at(end))
    if end is None:
        assert found is None, "nothing is guessed"
    else:
        assert found == max(0, end - start) * 60


@given(st.lists(st.none() | st.integers(0, 10**6)))
def test_a_median_is_of_what_is_known(values: list[int | None]) -> None:
    known = [v for v in values if v is not None]
    assert figures.median(values) == (round(statistics.median(known)) if known else None)


@given(st.lists(st.tuples(minutes, st.none() | minutes), max_size=12))
def test_the_busiest_moment_has_most_orders_open(spans: list[tuple[int, int | None]]) -> None:
    given_ = [(at(a), None if b is None else at(max(a, b))) for a, b in spans]

    def open_at(moment: dt.datetime) -> int:
        return sum(a <= moment and (b is None or b > moment) for a, b in given_)

    found = figures.busiest(given_)
    most = max((open_at(a) for a, _ in given_), default=0)
    if most == 0:
        assert found is None
    else:
        assert found is not None
        assert open_at(found) == most
        assert all(open_at(a) < most for a, _ in given_ if a < found), "the first such moment"


@given(st.none() | minutes, st.none() | minutes, st.sampled_from(["issued", "done", "unable", "withdrawn", "skipped"]))
def test_late_is_by_how_much(due: int | None, done: int | None, state: str) -> None:
    found = figures.late_by(None if due is None else at(due), None if done is None else at(done), state, ENDED)
    if due is None or state in ("unable", "withdrawn", "skipped"):
        assert found is None
    else:
        end = ENDED if done is None else at(done)
        assert found == max(0, (end - at(due)).total_seconds())


@given(st.lists(st.tuples(minutes, st.sampled_from(["phone", "written"])), max_size=8), st.booleans(), st.randoms())
def test_reports_are_kept_or_late_by_their_terms(sent: list[tuple[int, str]], final: bool, order: Any) -> None:
    sent = sorted(sent)
    first = next((i for i, s in enumerate(sent) if s[1] == "written"), None)
    listed = [Sent("first" if first is None or i <= first else "follow", how, at(m)) for i, (m, how) in enumerate(sent)]
    if final and listed:
        listed[-1] = Sent("final", "written", listed[-1].at)
    found = figures.kept(lambda _at: TERM, T0, ENDED, listed)
    gone = [k for k in found if k.sent is not None]
    assert [k.sent for k in gone] == [s.at for s in listed], "each that was sent, in its order"
    for k in gone:
        assert k.late_s == (None if k.due is None else max(0, (k.sent - k.due).total_seconds()))  # type: ignore[operator]
    owed = found[len(gone) :]
    assert len(owed) <= 1
    if final and listed:
        assert not owed, "nothing is owed after the final one"
    elif not any(s.how == "written" for s in listed):
        (never,) = owed
        assert (never.kind, never.sent) == ("first", None)
    if listed:
        if listed[0].how == "written":
            assert gone[0].due == at(120), "the term in writing, without a call before it"
        else:
            assert gone[0].due == at(60)


def test_who_was_there_first() -> None:
    def step(key: str, minute: int, **given_: Any) -> dict[str, Any]:
        return {"step": key, "at": at(minute), "given": given_}

    chain = [
        step("force", 3, to="on_scene", left=True), step("on_scene", 4, people=0), step("force", 5, to="bound"),
        step("force", 9, to="on_scene"), step("on_scene", 7, people=3), step("approve_response", 8, action="raise"),
        step("approve_response", 20, action="lower"), step("approve_response", 30, action="end"),
    ]  # fmt: skip
    assert figures.first_on_scene(chain) == at(7)
    assert figures.under_control(chain) == at(20)
    assert figures.first_on_scene([]) is None


def test_what_was_done_in_the_second_of_the_end_is_told() -> None:
    """The header tells its end to the second; the steps that ended it lie within that second."""
    late = [
        {"step": key, "at": ENDED + dt.timedelta(seconds=s), "version": n, "actor_name": "", "given": {"action": "end"}}
        for n, (key, s) in enumerate((("approve_response", 0.2), ("end", 0.7), ("log", 1.0)), 1)
    ]
    assert [e["step"] for e in assemble.timeline(late, ENDED)] == ["approve_response", "end"]
    assert "终止响应" in moments.chosen(T0, ENDED, late[:1], None)[-1].why.zh


# ---------------------------------------------------------------- moments


@given(st.lists(st.tuples(minutes, st.sampled_from(["start", "raise", "lower", "end"])), max_size=20),
       st.none() | minutes, st.lists(st.tuples(st.integers(-60, 4 * 24 * 60), st.just("看")), max_size=20))  # fmt: skip
def test_pictures_are_few_ordered_and_inside(
    acts: list[tuple[int, str]], peak: int | None, marks: list[tuple[int, str]]
) -> None:
    chain = [
        {"step": "approve_response", "at": at(m), "given": {"action": a, "response_level": 3}} for m, a in sorted(acts)
    ]
    found = moments.chosen(T0, ENDED, chain, None if peak is None else at(peak), [(at(m), n) for m, n in marks])
    times = [m.at for m in found]
    assert times == sorted(times)
    assert 1 <= len(found) <= moments.MOST
    assert all(T0 <= t <= ENDED for t in times)
    assert "接报" in found[0].why.zh
    assert any("终止前" in m.why.zh for m in found)


# ---------------------------------------------------------------- maps


def _map() -> tuple[svg.Frame, str]:
    frame = svg.framed([(111.15, 21.65), (111.16, 21.66), (111.14, 21.645)], 4546)
    square = [[111.145, 21.645], [111.155, 21.645], [111.155, 21.655], [111.145, 21.655], [111.145, 21.645]]
    layers = {
        "incident": {"lon": 111.15, "lat": 21.65, "title": "<火> & 情", "roman": "Ⅲ"},
        "marks": [{"kind": "cordon", "word": "警戒区", "label": "",
                   "geometry": {"type": "Polygon", "coordinates": [square]}}],
        "closures": [{"geometry": {"type": "MultiLineString", "coordinates": [square[:2]]}}],
        "warnings": [{"colour": "red", "geometry": {"type": "MultiPolygon", "coordinates": [[square]]}}],
        "area": None,
        "forces": [{"name": "一号车", "status": "on_scene", "lon": 111.152, "lat": 21.651, "ours": True}],
    }  # fmt: skip
    base = {"roads": [{"class": "primary", "geometry": {"type": "LineString", "coordinates": square[:3]}}], "names": [],
            "areas": [], "lines": [], "borders": [], "sea": False}  # fmt: skip
    words = {
        "time": "2026-10-03 14:00:00",
        "why": "接报",
        "note": "来源",
        "stamps": ["演练", "演示数据"],
        "label": "图",
    }
    return frame, svg.drawn(frame, base, layers, words)


def test_a_map_is_drawn_where_things_are() -> None:
    """Against the projection of another hand, and PROJ itself."""
    frame, drawn = _map()
    metres = Transformer.from_crs("EPSG:4490", "EPSG:4546", always_xy=True)

    def pixel(lon: float, lat: float) -> tuple[float, float]:
        x, y = metres.transform(lon, lat)
        return 480 + (x - frame.x) / frame.metres_px, 300 - (y - frame.y) / frame.metres_px

    root = ET.fromstring(drawn)
    ns = "{http://www.w3.org/2000/svg}"
    circle = next(c for c in root.iter(f"{ns}circle"))
    assert (float(circle.get("cx", "")), float(circle.get("cy", ""))) == pytest.approx(pixel(111.15, 21.65), abs=0.11)
    car = next(r for r in root.iter(f"{ns}rect") if r.get("width") == "14")
    x, y = pixel(111.152, 21.651)
    assert (float(car.get("x", "")) + 7, float(car.get("y", "")) + 7) == pytest.approx((x, y), abs=0.11)
    corner = pixel(111.145, 21.645)
    starts = [tuple(map(float, re.match(r"M([\d.-]+) ([\d.-]+)", p.get("d", "")).groups()))  # type: ignore[union-attr]
              for p in root.iter(f"{ns}path") if p.get("d", "").endswith("Z") and " " in p.get("d", "")]  # fmt: skip
    assert any(s == pytest.approx(corner, abs=0.11) for s in starts), "the cordon begins where it does"
    texts = "".join(t.text or "" for t in root.iter(f"{ns}text"))
    for word in ("<火> & 情", "警戒区", "一号车", "演练 · 演示数据", "2026-10-03 14:00:00", "来源"):
        assert word in texts, word
    assert _map()[1] == drawn, "the same again"


@given(st.floats(0.2, 30))
def test_a_scale_bar_is_round_and_fits(metres_px: float) -> None:
    metres, pixels = svg.scale_bar(metres_px)
    assert 60 < pixels <= 171
    assert metres / metres_px == pytest.approx(pixels, abs=0.06)
    assert str(metres).rstrip("0") in ("1", "2", "5")


@given(st.lists(st.tuples(st.floats(110.6, 111.4), st.floats(21.3, 22.0)), min_size=1, max_size=6))
def test_a_frame_holds_what_it_can(points: list[tuple[float, float]]) -> None:
    frame = svg.framed(points, 4546)
    wide = frame.metres_px * svg.WIDTH
    assert 1199 <= wide <= 24_001
    x, y = frame.place(*points[0])
    assert 0 <= x <= svg.WIDTH, "the incident is always on it"
    assert 0 <= y <= svg.HEIGHT
    if wide < 23_999:
        assert all(0 <= frame.place(*p)[0] <= svg.WIDTH and 0 <= frame.place(*p)[1] <= svg.HEIGHT for p in points)


def test_a_pdf_is_chinese_and_the_same_again() -> None:
    """No tofu: the words and the map's are text in the file, its fonts are inside, nothing in it is of the moment."""
    text = f"<html><body style=\"font-family:'Noto Sans CJK SC'\"><p>复盘报告㙟滘</p>{_map()[1]}</body></html>"
    made = pdf(text)
    assert pdf(text) == made
    page = pypdfium2.PdfDocument(made)[0]
    said = page.get_textpage().get_text_range()
    for word in ("复盘报告", "㙟滘", "警戒区", "一号车"):
        assert word in said, word
    raw = pypdfium2.raw
    fonts = [raw.FPDFTextObj_GetFont(o.raw) for o in page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT])]
    assert fonts
    assert all(raw.FPDFFont_GetIsEmbedded(f) == 1 for f in fonts)


def test_what_stands_against_a_pdf_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for text, named in (("import sys; sys.exit(3)", "libpango"), ("import sys; sys.exit(1)", "排版")):
        fake = tmp_path / "press.py"
        fake.write_text(text, "utf-8")
        monkeypatch.setattr("ioc.command.review.press.__file__", str(fake))
        with pytest.raises(NoPdf) as e:
            pdf("<p>x</p>")
        assert named in e.value.message("zh")


# ---------------------------------------------------------------- what is entered


@given(st.dictionaries(st.sampled_from(list(figures.LOSSES)), st.none() | st.integers(0, 10**6)))
def test_a_loss_is_what_was_entered_and_null_is_unknown(values: dict[str, int | None]) -> None:
    row: dict[str, Any] = {"losses": {"deaths": {"value": 7, "source": "x"}}, "times": {}}
    case = {"opened_at": T0, "closed_at": ENDED}
    given_ = {k: None if v is None else {"value": v, "source": "局"} for k, v in values.items()}
    changes, _ = forms.edited(row, {"losses": given_}, case, "甲", ENDED)
    for key in figures.LOSSES:
        want = values.get(key, 7 if key == "deaths" else None)
        assert (changes["losses"].get(key) or {}).get("value") == want


def test_every_fault_is_told_at_once() -> None:
    bad = {"losses": {"deaths": {"value": -1, "source": ""}}, "times": {"end": None, "scene": {"at": "soon"}}}
    with pytest.raises(Invalid) as e:
        forms.edited({"losses": {}, "times": {}}, bad, {"opened_at": T0, "closed_at": ENDED}, "甲", ENDED)
    assert {r.field for r in e.value.reasons} == {"losses.deaths", "times.end", "times.scene"}
    assert masked("电话13800135678，编号 20261122138001356789") == "电话138****5678，编号 20261122138001356789"
