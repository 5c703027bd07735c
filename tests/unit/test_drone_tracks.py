"""Files of drones: every format says the same, in any order; nothing anybody writes into one makes it fall over."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ioc.intake import drone_tracks
from ioc.intake.drone_rows import Fix, Shot, check, flights, matched
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse
from ioc.patrols.track import Point, metres

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
RULES = TimeRules(NOW, ZoneInfo("Asia/Shanghai"), dt.timedelta(minutes=10), dt.timedelta(days=400))
BEGAN = NOW - dt.timedelta(hours=2)
_FIXES = st.lists(
    st.tuples(st.integers(0, 3_600_000), st.floats(111.0, 112.0), st.floats(21.0, 22.0), st.floats(0, 500)),
    min_size=2, max_size=30, unique_by=lambda f: f[0],
)  # fmt: skip


def stamp(ms: int) -> str:
    return (BEGAN + dt.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def gpx(fixes: list[Any]) -> str:
    points = "".join(
        f'<trkpt lat="{la!r}" lon="{lo!r}"><ele>{al!r}</ele><time>{stamp(ms)}</time></trkpt>'
        for ms, lo, la, al in fixes
    )
    return (
        '<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1">'
        '<wpt lat="21.5" lon="111.5"><time>2026-10-03T05:00:00Z</time><name>P1.JPG</name><desc>堆物</desc></wpt>'
        f"<trk><name>F1</name><src>U1</src><trkseg>{points}</trkseg></trk></gpx>"
    )


def kml(fixes: list[Any]) -> str:
    whens = "".join(f"<when>{stamp(f[0])}</when>" for f in fixes)
    coords = "".join(f"<gx:coord>{lo!r} {la!r} {al!r}</gx:coord>" for _, lo, la, al in fixes)
    return (
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>'
        f"<Placemark><name>F1</name><gx:Track>{whens}{coords}</gx:Track></Placemark>"
        "<Placemark><name>P1.JPG</name><description>堆物</description><TimeStamp><when>2026-10-03T05:00:00Z</when>"
        "</TimeStamp><Point><coordinates>111.5,21.5,80</coordinates></Point></Placemark></Document></kml>"
    )


def geojson(fixes: list[Any]) -> str:
    line = {"type": "LineString", "coordinates": [[lo, la, al] for _, lo, la, al in fixes]}
    about = {"flight": "F1", "coordTimes": [stamp(f[0]) for f in fixes]}
    photo = {"photo": "P1.JPG", "note": "堆物", "ts": "2026-10-03T05:00:00Z"}
    spot = {"type": "Point", "coordinates": [111.5, 21.5]}
    features = [{"type": "Feature", "properties": about, "geometry": line},
                {"type": "Feature", "properties": photo, "geometry": spot}]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features})


READ = {"gpx": (drone_tracks.gpx, gpx), "kml": (drone_tracks.kml, kml), "geojson": (drone_tracks.geojson, geojson)}


@pytest.mark.parametrize("form", READ)
@settings(max_examples=25, deadline=None)
@given(fixes=_FIXES)
def test_a_flight_is_what_was_flown_in_every_format_and_order(form: str, fixes: list[Any]) -> None:
    read, write = READ[form]
    rows = [check(r.record, RULES, "EPSG:4326", "stem") for r in read(write(fixes))]
    assert not [r for r in rows if isinstance(r, list)]
    (shot,) = [r for r in rows if isinstance(r, Shot)]
    assert (shot.lon, shot.lat, shot.note, shot.file) == (111.5, 21.5, "堆物", "P1.JPG")
    found = [r for r in rows if isinstance(r, Fix)]
    ((one,), none) = flights(found)
    ((again,), _) = flights([*found[::-1], *found])
    assert none == {}
    assert one.digest == again.digest, "the order and repetitions of positions make no other flight"
    assert again.doubles == len(fixes)
    ordered = sorted(fixes)
    assert [(f.lon, f.lat) for f in one.fixes] == [(f[1], f[2]) for f in ordered]
    assert [round((f.at - BEGAN).total_seconds() * 1000) for f in one.fixes] == [f[0] for f in ordered]
    straight = metres(Point(0, *ordered[0][1:3]), Point(0, *ordered[-1][1:3]))
    assert one.distance_m >= straight - 1e-6, "no way is shorter than the straight one"
    assert matched([shot], [one])[0].flight in ("F1", ""), "a photo is of a flight it was taken in, or of none"


_CUT = st.sampled_from([gpx([]), kml([]), geojson([])]).flatmap(
    lambda t: st.tuples(st.integers(0, len(t)), st.text(max_size=5)).map(lambda c: t[: c[0]] + c[1] + t[c[0] + 1 :])
)


@settings(max_examples=120, deadline=None)
@given(st.one_of(st.text(max_size=200), _CUT))
def test_whatever_is_in_a_file_is_read_or_refused(text: str) -> None:
    for read, _ in READ.values():
        try:
            rows = list(read(text))
        except Refuse:
            continue
        for row in rows:
            got = check(row.record, RULES, "EPSG:4326", "s")
            assert isinstance(got, Fix | Shot) or got, "a row is good or has a reason"


def test_what_is_wrong_is_named() -> None:
    def reasons(**row: Any) -> set[tuple[str, str]]:
        got = check({"ts": "2026-10-03T05:00:00Z", "lon": 111.5, "lat": 21.5} | row, RULES, "EPSG:4326", "s")
        return {(r.field, r.code) for r in got} if isinstance(got, list) else set()

    assert reasons() == set()
    assert reasons(lon=0, lat=0) == {("lon", "no_fix")}
    assert reasons(lon=21.5, lat=111.5) == {("lon", "swapped_lonlat")}
    assert reasons(ts="", alt=99_999) == {("ts", "missing_field"), ("alt", "out_of_range")}
    assert reasons(ts="2026-10-04T05:00:00Z") == {("ts", "future_time")}
    good, none = flights([Fix("a", "", "", NOW, 1, 2, None)] * 3)
    assert (good, none) == ([], {"a": 3}), "one moment is no flight"


def picture(**tags: Any) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(tags.get("gps", {}))
    exif.get_ifd(0x8769).update(tags.get("own", {}))
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 90)).save(out, "JPEG", exif=exif)
    return out.getvalue()


GPS = {1: "N", 2: (21.0, 30.0, 36.0), 3: "E", 4: (111.0, 45.0, 0.0), 5: b"\x00", 6: 120.5, 17: 271.0}


def test_exif_tells_place_and_time() -> None:
    own = {0x9003: "2026:10:03 13:00:05", 0x9011: "+08:00"}
    told = drone_tracks.exif(picture(gps=GPS, own=own))
    assert told == {"ts": "2026-10-03T13:00:05+08:00", "lat": pytest.approx(21.51), "lon": pytest.approx(111.75),
                    "alt": 120.5, "heading": 271.0}  # fmt: skip
    utc = {**GPS, 7: (5.0, 0.0, 5.0), 29: "2026:10:03"}
    assert drone_tracks.exif(picture(gps=utc, own={0x9003: "2026:10:03 13:00:05"}))["ts"] == "2026-10-03T05:00:05Z"
    south = {**GPS, 1: "S", 3: "W"}
    assert drone_tracks.exif(picture(gps=south))["lat"] == pytest.approx(-21.51)
    assert "lon" not in drone_tracks.exif(picture(gps={4: (1.0, 2.0, 3.0)})), "no side named: no place"
    assert drone_tracks.exif(picture()) == {}


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_broken_exif_is_none(at: int, junk: bytes) -> None:
    data = picture(gps=GPS, own={0x9003: "2026:10:03 13:00:05"})
    found = drone_tracks.exif(data[:at] + junk + data[at + len(junk) :])
    assert set(found) <= {"ts", "lon", "lat", "alt", "heading"}
