"""Ids and catalogues of GB/T 28181 as text: editions, encodings declared wrongly, duplicates, attacks, secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import ConfigError
from ioc.intake import gb_catalogue
from ioc.intake.gb_catalogue import DIRECTIONS, read, text_of
from ioc.intake.gb_id import PROVINCES, decode, is_region
from ioc.intake.private_net import outside_url, without_addresses
from ioc.intake.reasons import Refuse
from ioc.intake.video_config import VideoConfig, load
from ioc.settings import Settings

PLATFORM = "44170200002000000001"
CAMERA = "44170201081326000001"


def packet(items: str, sn: int = 1, total: int = 1, encoding: str = "GB2312", root: str = "Response") -> str:
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\r\n<{root}><CmdType>Catalog</CmdType><SN>{sn}</SN>'
        f"<DeviceID>{PLATFORM}</DeviceID><SumNum>{total}</SumNum>"
        f'<DeviceList Num="1">{items}</DeviceList></{root}>'
    )


def item(gb_id: str = CAMERA, name: str = "江城区城管球机", status: str = "ON", more: str = "") -> str:
    return (
        f"<Item><DeviceID>{gb_id}</DeviceID><Name>{name}</Name><Manufacturer>海康</Manufacturer>"
        f"<ParentID>{PLATFORM}</ParentID><CivilCode>441702</CivilCode><Secrecy>0</Secrecy>"
        f"<IPAddress>10.20.30.40</IPAddress><Port>5060</Port><Password>hunter2</Password>"
        f"<Status>{status}</Status><Longitude>111.15</Longitude><Latitude>21.65</Latitude>{more}</Item>"
    )


def refused(text: str) -> str:
    with pytest.raises(Refuse) as e:
        decode(text, "2016")
    return e.value.code


def test_the_id_is_taken_apart() -> None:
    found = decode(CAMERA, "2016")
    parts = (found.centre, found.industry, found.type, found.network, found.serial)
    assert parts == ("44170201", "08", "132", "6", "000001")
    assert (found.device_kind, found.node_kind, found.reserved) == ("camera", "device", ())
    assert found.words().zh == "44170201 · 城市管理 · 网络摄像机 · 政务网 · 000001"
    assert decode(CAMERA, "2022").network_name == "电子政务外网"


def test_editions_differ_in_networks_and_types() -> None:
    text = "44170201051212000001"
    assert (decode(text, "2016").network_name, decode(text, "2022").network_name) == ("监控报警专网", "行业专网")
    assert (decode(text, "2016").reserved, decode(text, "2022").reserved) == (("type",), ())
    assert decode("44170201991329000001", "2022").reserved == ("industry", "network")


def test_what_can_be_no_id_is_refused_with_the_reason() -> None:
    assert refused("4417020108132600001") == "id_length"
    assert refused("4417020108132600000１") == "id_length"
    assert refused("99170201081326000001") == "id_centre"
    assert refused("44170201080006000001") == "id_type"
    assert is_region("441702")
    assert not is_region("4417020")


@given(st.from_regex(r"\d{20}", fullmatch=True), st.sampled_from(["2016", "2022"]))
def test_any_twenty_digits_are_an_id_or_refused(text: str, edition: str) -> None:
    if text[:2] not in PROVINCES or text[10:13] < "111" or not text.isascii():
        with pytest.raises(Refuse) as e:
            decode(text, edition)  # type: ignore[arg-type]
        assert e.value.code in ("id_length", "id_centre", "id_type")
    else:
        found = decode(text, edition)  # type: ignore[arg-type]
        assert found.centre + found.industry + found.type + found.network + found.serial == text


WORDS = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=30)


@given(WORDS, st.sampled_from(["GB2312", "GBK", "GB18030", "UTF-8"]), st.sampled_from(["gb18030", "utf-8"]))
def test_whatever_is_declared_the_words_are_read(name: str, declared: str, actual: str) -> None:
    data = packet(item(name=name), encoding=declared).encode(actual)
    assert read(data).items[0].name == name


def test_a_byte_order_mark_and_other_encodings() -> None:
    assert text_of(b"\xef\xbb\xbf<a>\xe4\xb8\xad</a>") == "<a>中</a>"
    for data in (b'<?xml version="1.0" encoding="UTF-16"?><a/>', b"<a>\xff\xff\xff</a>"):
        with pytest.raises(Refuse, match="bad_encoding"):
            text_of(data)


def test_an_item_is_read_without_what_opens_it() -> None:
    more = (
        "<Info><PTZType>1</PTZType><RoomType>1</RoomType><DirectionType>5</DirectionType>"
        "<BusinessGroupID>44170200002150000001</BusinessGroupID></Info>"
    )
    (found,) = read(packet(item(name="192.168.1.64 东门", more=more)).encode("gbk")).items
    assert (found.azimuth, found.info["azimuth_coarse"], found.info["ptz"], found.info["room"]) == (
        135.0, True, "球机", "室外",
    )  # fmt: skip
    assert (found.group, found.status, found.name) == ("44170200002150000001", "online", "*.*.*.* 东门")
    assert not any(word in repr(found) for word in ("hunter2", "10.20.30.40", "5060", "192.168"))
    assert sorted(DIRECTIONS.values()) == [45.0 * n for n in range(8)]


def test_no_direction_is_no_azimuth() -> None:
    (found,) = read(packet(item(more="<Info><DirectionType>0</DirectionType></Info>")).encode("gbk")).items
    assert found.azimuth is None
    assert "azimuth_coarse" not in found.info


def test_duplicates_and_bad_ids_are_counted_and_named() -> None:
    bad = item("00170201081326000001")
    found = read(packet(item() + item() + item(name="别名") + bad, total=4).encode("gbk"))
    assert len(found.items) == 1
    assert found.doubles == 2
    assert [(r.key, r.reasons[0].code) for r in found.refused] == [
        (CAMERA, "duplicate_key"),
        ("00170201081326000001", "id_centre"),
    ]
    assert "hunter2" not in repr(found.refused)
    assert len(found.keys) + found.doubles == 4


def test_notifications_tell_states_alone() -> None:
    events = "".join(f"<Item><DeviceID>{CAMERA[:-1]}{n}</DeviceID><Event>{e}</Event></Item>" for n, e in
                     enumerate(("ON", "OFF", "VLOST", "DEFECT", "DEL")))  # fmt: skip
    found = read(packet(events, root="Notify").encode())
    assert found.notify
    assert [(i.status, i.full, i.gone) for i in found.items] == [
        ("online", False, False), ("offline", False, False), ("offline", False, False), ("fault", False, False),
        ("", False, True),
    ]  # fmt: skip


ATTACKS = (
    '<!DOCTYPE a [<!ENTITY x "boom">]><Response>&x;</Response>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><Response/>',
    "<a>" * 40 + "</a>" * 40,
    "<Response",
    "<Response><CmdType>Keepalive</CmdType></Response>",
    f"<Response><CmdType>Catalog</CmdType><DeviceID>{PLATFORM}</DeviceID><SumNum>many</SumNum></Response>",
    "<Response><CmdType>Catalog</CmdType><DeviceID>x</DeviceID><SumNum>1</SumNum></Response>",
)


@pytest.mark.parametrize("text", ATTACKS)
def test_attacks_and_other_messages_are_refused(text: str) -> None:
    with pytest.raises(Refuse) as e:
        read(text.encode())
    assert e.value.code in ("xml_forbidden", "xml_limit", "xml_bad", "not_catalogue", "id_length")


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gb_catalogue, "MAX_ELEMENTS", 50)
    with pytest.raises(Refuse, match="xml_limit"):
        read(packet("".join(item(f"4417020108132600{n:04d}") for n in range(9))).encode("gbk"))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_catalogue_or_refused(data: bytes) -> None:
    with pytest.raises(Refuse):
        read(data)


def test_rules_of_a_range_win_over_its_platform_and_the_default(settings_free: Settings) -> None:
    config = VideoConfig.model_validate(
        {
            "default": {"edition": "2022", "department": "城管局"},
            "platforms": {
                PLATFORM: {
                    "crs": "gcj02", "private_to": "公安局",
                    "ranges": [{"from": CAMERA, "to": CAMERA, "crs": "WGS84", "sensitivity": 1}],
                }
            },
        }
    )  # fmt: skip
    near, far = config.rules(PLATFORM, CAMERA), config.rules(PLATFORM, CAMERA[:-1] + "9")
    assert (near.crs, near.private_to, near.department, near.sensitivity) == ("EPSG:4326", "公安局", "城管局", 1)
    assert (far.crs, far.sensitivity) == ("GCJ-02", None)
    assert config.rules("other", CAMERA).crs is None
    assert (config.edition(PLATFORM), VideoConfig().edition(PLATFORM)) == ("2022", "2016")
    assert load(settings_free) == VideoConfig()
    settings_free.root.mkdir(parents=True, exist_ok=True)
    (settings_free.root / "video.json").write_text('{"default": {"crs": "EPSG:9"}}')
    with pytest.raises(ConfigError, match=r"default\.crs"):
        load(settings_free)


@pytest.fixture
def settings_free(tmp_path: object) -> Settings:
    return Settings(data_dir=tmp_path)  # type: ignore[arg-type]


def test_addresses_are_masked() -> None:
    assert without_addresses("球机 10.0.0.1:554 与 fe80::1ff:fe23:4567:890a") == "球机 *.*.*.* 与 *.*.*.*"
    assert without_addresses("版本 1.2.3 时间 12:30:45") == "版本 1.2.3 时间 12:30:45"
    assert outside_url("rtsp://a:b@10.0.0.1/x") == ""
    assert outside_url("https://u:p@cam.example:8443/a/b.jpg?t=1#x") == "https://cam.example/a/b.jpg"
