"""Rules of the camera wall: likeness of pictures, what a pane may say, addresses that die, what may be fetched."""

from __future__ import annotations

import datetime as dt
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from data_sources._demo_video.loops import scene
from ioc.api.video_media import inside, relative
from ioc.errors import Invalid, NotFound, SourceFault
from ioc.video import address, identity
from ioc.video.judge import WORDS, Seen, judge
from ioc.video.platform import guarded

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)


def jpeg(picture: Image.Image, quality: int = 80) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def noisy(picture: Image.Image, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray((np.asarray(picture, float) + rng.normal(0, 12, (576, 704, 3))).clip(0, 255).astype("uint8"))


def busy(picture: Image.Image) -> Image.Image:
    """A third of the scene behind something: smoke, a lorry."""
    out = picture.copy()
    ImageDraw.Draw(out).rectangle((0, 200, 350, 576), fill=(120, 118, 112))
    return out


def test_a_scene_is_known_again_and_no_other_is_taken_for_it() -> None:
    pictures = [scene(f"cam-{n}") for n in range(14)]
    references = [identity.unpacked(identity.read(jpeg(p)).packed()) for p in pictures]
    for n, (picture, reference) in enumerate(zip(pictures, references, strict=True)):
        variants = {
            "small": picture.resize((176, 144)),
            "noise": noisy(picture, n),
            "dusk": ImageEnhance.Brightness(picture).enhance(0.55),
            "bright": ImageEnhance.Brightness(picture).enhance(1.25),
            "third": busy(picture),
        }
        for name, shown in variants.items():
            likeness = identity.similarity(identity.read(jpeg(shown)), reference)
            assert likeness >= identity.SAME + (0 if name == "third" else 0.1), (n, name, likeness)
    worst = max(identity.similarity(a, b) for a, b in itertools.permutations(references, 2))
    assert worst <= identity.SAME - 0.05, worst
    assert identity.best(references[0], []) is None
    assert identity.best(references[0], references) == 1.0


def test_a_picture_that_stands_still() -> None:
    """The same scene encoded anew is still; a car, or the noise of a sensor that lives, is not."""
    still = scene("cam-1")
    car = still.copy()
    ImageDraw.Draw(car).rectangle((300, 400, 364, 426), fill=(220, 220, 210))
    first = identity.read(jpeg(still, 85))
    assert identity.unmoved(identity.read(jpeg(still, 60)), first)
    assert not identity.unmoved(identity.read(jpeg(car)), first)
    assert not identity.unmoved(identity.read(jpeg(scene("cam-2"))), first)


def test_what_is_no_picture_or_shows_nothing() -> None:
    assert identity.read(jpeg(Image.new("RGB", (704, 576), (9, 9, 9)))).blank
    for bad in (b"", b"\xff\xd8nothing", b"x" * (identity.MAX_BYTES + 1), b"GIF89a"):
        with pytest.raises(Invalid):
            identity.read(bad)
    kept = identity.reference_jpeg(jpeg(scene("a")))
    assert Image.open(io.BytesIO(kept)).width == identity.REFERENCE_WIDTH


times = st.one_of(st.none(), st.floats(0, 60).map(lambda s: NOW - dt.timedelta(seconds=s)))
seen = st.builds(
    Seen,
    now=st.just(NOW),
    mapped=st.sampled_from(["same", "changed", "gone", "ambiguous", "unknown"]),
    frame_at=times,
    same_since=times,
    picture=st.booleans(),
    blank=st.booleans(),
    has_reference=st.booleans(),
    similarity=st.one_of(st.none(), st.floats(0, 1)),
    moved_at=times,
    lifted_code=st.sampled_from(["", "mismatch", "frozen"]),
)


@given(seen)
def test_nothing_is_claimed_without_all_three_proofs(s: Seen) -> None:
    v = judge(s)
    assert v.code in WORDS
    fresh = s.frame_at is not None and (NOW - s.frame_at).total_seconds() <= 5
    still = s.same_since is not None and (NOW - s.same_since).total_seconds() > 6
    if v.state == "verified":
        assert s.mapped == "same"
        assert fresh
        assert not still
        assert s.has_reference
        assert s.similarity is not None
        assert s.similarity >= identity.SAME
        assert not v.cover
    if not fresh or (still and s.lifted_code != "frozen") or s.mapped in ("changed", "gone", "ambiguous"):
        assert v.cover, "a picture that is old, still or another's is never shown"
    if v.liftable:
        assert v.code in ("mismatch", "frozen")
    if s.lifted_code == v.code:
        assert v.state != "verified"
        assert not v.cover, "what a person lifted is shown, with its mark"


@given(st.integers(1, 2**40), st.text(min_size=1, max_size=20), st.integers(0, 120))
def test_an_address_opens_one_view_for_one_credential_for_a_minute(view: int, who: str, later: int) -> None:
    secret, now = b"k" * 32, 1_790_000_000
    token = address.sign(secret, view, now + address.LIFE_S, who)
    assert address.good(secret, view, token, who, now + later) == (later <= address.LIFE_S)
    assert not address.good(secret, view + 1, token, who, now)
    assert not address.good(secret, view, token, who + "x", now)
    assert not address.good(b"other" * 8, view, token, who, now)
    until, _, tail = token.partition(".")
    assert not address.good(secret, view, f"{int(until) + 60}.{tail}", who, now)
    assert not address.good(secret, view, "x.y", who, now)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://media.example:9000/a.flv",
        "file:///etc/passwd",
        "ftp://media.example/a",
        "http://u:p@media.example:8080/a",
        "http://media.example.evil/a",
        "http://[::1",
        "",
    ],
)
def test_the_server_fetches_from_allowed_hosts_only(url: str) -> None:
    with pytest.raises(SourceFault):
        guarded(url, frozenset({"media.example:8080"}))
    assert guarded("http://media.example:8080/a", frozenset({"media.example:8080"}))
    assert guarded("https://media.example/a", frozenset({"media.example"}))


PLAYLIST = "http://m:80/rtp/s1/hls.m3u8"


@pytest.mark.parametrize("name", ["../s2/1.ts", "..%2f..%2fadmin", "/etc/x", "a/../../x.ts", "a\\b", "http://x/y", "."])
def test_a_playlist_leads_nowhere_else(name: str) -> None:
    with pytest.raises(NotFound):
        inside(PLAYLIST, name)


def test_entries_of_a_playlist() -> None:
    assert inside(PLAYLIST, "index.m3u8") == PLAYLIST
    assert inside(PLAYLIST, "2026/10/1.ts", "k=1") == "http://m:80/rtp/s1/2026/10/1.ts?k=1"
    text = '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="http://x/k"\n1.ts\nhttp://m:80/rtp/s1/d/2.ts?a=b\n'
    text += "http://evil/3.ts\n/rtp/s2/4.ts\n../s3/5.ts\n/rtp/s1/6.ts\n"
    assert relative(text, PLAYLIST, PLAYLIST).split() == ["#EXTM3U", "1.ts", "d/2.ts?a=b", "6.ts"]
    runs = "#EXT-X-MEDIA-SEQUENCE:897682688\n#EXT-X-DISCONTINUITY-SEQUENCE:{}\n1.ts"
    assert relative(runs.format(7), PLAYLIST, PLAYLIST).split() == runs.format(7).split()
    walked = relative(runs.format(179536537), PLAYLIST, PLAYLIST).split()
    assert walked == runs.format(179536537 % 4096).split(), "no player keeps a list of 180 million"
    assert relative("/rtp/s1/d/2.ts\n3.ts", "http://m:80/rtp/s1/d/x.m3u8", PLAYLIST).split() == ["2.ts", "3.ts"]
