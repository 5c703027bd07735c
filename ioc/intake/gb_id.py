"""The 20-digit id of GB/T 28181, annex D, coding rule A: decoded, and refused where it can be none.

Digits 1-8 centre (province, city, district by GB/T 2260; then the access unit), 9-10 industry, 11-13 type, 14 network,
15-20 serial number. Types and networks differ between the editions of 2016 and 2022. A value the standard reserves is
named as reserved, not refused: platforms use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ioc.i18n import Text
from ioc.intake.reasons import Refuse

Edition = Literal["2016", "2022"]
# GB/T 2260: the first two digits of provinces, autonomous regions, municipalities and special regions.
PROVINCES = frozenset(
    str(n) for low, high in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
    for n in range(low, high + 1)
)  # fmt: skip
INDUSTRIES: Mapping[str, str] = {
    "00": "社会治安路面", "01": "社会治安社区", "02": "社会治安内部", "03": "社会治安其他", "04": "交通路面",
    "05": "交通卡口", "06": "交通内部", "07": "交通其他", "08": "城市管理", "09": "卫生环保", "10": "商检海关",
    "11": "教育部门", "12": "民航", "13": "铁路", "14": "航运", "40": "农林牧渔", "41": "采矿", "42": "制造",
    "43": "电热燃水", "44": "建筑", "45": "批发零售",
}  # fmt: skip
_TYPES: Mapping[str, str] = {
    "111": "DVR", "112": "视频服务器", "113": "编码器", "114": "解码器", "115": "视频切换矩阵", "116": "音频切换矩阵",
    "117": "报警控制器", "118": "NVR", "130": "HVR", "131": "摄像机", "132": "网络摄像机", "133": "显示器",
    "134": "报警输入", "135": "报警输出", "136": "语音输入", "137": "语音输出", "138": "移动传输", "139": "其他外围",
    "200": "中心信令控制", "201": "Web 应用", "202": "媒体分发", "203": "代理", "204": "安全", "205": "报警",
    "206": "数据库", "207": "GIS", "208": "管理", "209": "接入网关", "210": "媒体存储", "211": "信令安全路由网关",
    "215": "业务分组", "216": "虚拟组织", "300": "中心用户", "400": "终端用户",
}  # fmt: skip
_TYPES_2022: Mapping[str, str] = {
    "120": "在线视频图像信息采集系统", "121": "视频卡口", "122": "多目设备", "123": "停车场出入口",
    "124": "人员出入口", "125": "安检设备", "141": "道闸", "142": "智能门",
}  # fmt: skip
_NETWORKS: Mapping[Edition, Mapping[str, str]] = {
    "2016": {
        **dict.fromkeys("01234", "监控报警专网"), "5": "公安信息网", "6": "政务网", "7": "Internet",
        "8": "社会资源接入网",
    },
    "2022": {
        **dict.fromkeys("01", "公安视频传输网"), "2": "行业专网", "3": "政法信息网", "4": "公安移动信息网",
        "5": "公安信息网", "6": "电子政务外网", "7": "互联网等公共网络", "8": "专线",
    },
}  # fmt: skip
# Types that are seen on a map as cameras; 121 is a checkpoint on a road.
CAMERAS: Mapping[str, str] = {"131": "camera", "132": "camera", "122": "camera", "121": "traffic_camera"}
RECORDERS = frozenset({"111", "112", "113", "118", "130"})


@dataclass(frozen=True, slots=True)
class GbId:
    """A valid id. `reserved` names the parts whose value the edition reserves."""

    text: str
    edition: Edition

    @property
    def centre(self) -> str:
        return self.text[:8]

    @property
    def industry(self) -> str:
        return self.text[8:10]

    @property
    def type(self) -> str:
        return self.text[10:13]

    @property
    def network(self) -> str:
        return self.text[13]

    @property
    def serial(self) -> str:
        return self.text[14:]

    @property
    def type_name(self) -> str:
        return _types(self.edition).get(self.type, "")

    @property
    def network_name(self) -> str:
        return _NETWORKS[self.edition].get(self.network, "")

    @property
    def reserved(self) -> tuple[str, ...]:
        known = {
            "industry": self.industry in INDUSTRIES,
            "type": bool(self.type_name) or self.type >= "500",
            "network": bool(self.network_name),
        }
        return tuple(name for name, good in known.items() if not good)

    @property
    def node_kind(self) -> Literal["system", "group", "organisation", "device"]:
        if self.type == "215":
            return "group"
        if self.type == "216":
            return "organisation"
        return "system" if self.type >= "200" else "device"

    @property
    def device_kind(self) -> str:
        """Kind of the dictionary `device_kind`."""
        return CAMERAS.get(self.type) or ("nvr" if self.type in RECORDERS else "other")

    def words(self) -> Text:
        """The id in words, for a detail."""
        zh = [INDUSTRIES.get(self.industry, "行业保留"), self.type_name or "类型保留", self.network_name or "网络保留"]
        text = f"{self.centre} · {' · '.join(zh)} · {self.serial}"
        return Text(text, text)


def _types(edition: Edition) -> Mapping[str, str]:
    return _TYPES if edition == "2016" else {**_TYPES, **_TYPES_2022}


def decode(text: str, edition: Edition) -> GbId:
    """Raises Refuse (`id_length`, `id_centre`, `id_type`)."""
    if len(text) != 20 or not text.isascii() or not text.isdigit():
        raise Refuse("id_length")
    if text[:2] not in PROVINCES:
        raise Refuse("id_centre", got=text[:2])
    # below 111 nothing is assigned, nor can be: the first digits of a type are its family
    if text[10:13] < "111":
        raise Refuse("id_type", got=text[10:13])
    return GbId(text, edition)


def is_region(text: str) -> bool:
    """The id of an administrative region in a catalogue: 2, 4, 6 or 8 digits of the centre's code."""
    return len(text) in (2, 4, 6, 8) and text.isascii() and text.isdigit() and text[:2] in PROVINCES
