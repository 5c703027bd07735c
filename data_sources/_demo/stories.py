"""What happens in the demo: titles by flow with category, urgency, department and allowance. Invented, but usual."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Story:
    """`weight` is relative inside a flow; `allow_h` the total allowance in hours; `urgent` the chance of 紧急."""

    title: str
    code: str
    department: str
    weight: float
    allow_h: float
    urgent: float = 0.0
    scheme: str = "gbt30428"
    icon: str = ""


GRID: tuple[Story, ...] = (
    Story("垃圾满溢未清运", "0102", "城管局", 9, 24),
    Story("村道两侧杂草丛生", "0106", "街道办", 5, 48),
    Story("水塘野泳劝离", "2101", "街道办", 4, 4, 0.2),
    Story("露天焚烧秸秆", "0115", "应急管理局", 3, 6, 0.25),
    Story("疑似违建", "0101", "自然资源局", 4, 120),
    Story("机动车占道停放", "0505", "公安局", 8, 12),
    Story("电动车楼道充电", "0506", "消防救援支队", 6, 12, 0.05),
    Story("河道漂浮物聚集", "0105", "水务局", 5, 48),
    Story("井盖松动异响", "0401", "城管局", 3, 12, 0.1),
    Story("出租屋消防通道堵塞", "0507", "消防救援支队", 5, 24),
    Story("独居老人上门探访", "0699", "街道办", 5, 48),
    Story("邻里噪声纠纷调解", "0508", "街道办", 4, 48),
    Story("电线低垂", "0408", "住建局", 3, 24, 0.1),
    Story("路面积水", "0406", "水务局", 2, 8, 0.15),
    Story("占道经营劝导", "0501", "城管局", 7, 12),
    Story("养殖异味投诉核实", "0118", "生态环境局", 2, 72),
    Story("森林防火巡查隐患", "2103", "林业局", 2, 24),
    Story("水库视频遮挡", "0699", "水务局", 2, 24),
)
HOTLINE: tuple[Story, ...] = (
    Story("路灯成片不亮", "help", "城管局", 6, 168, scheme="12345", icon="lamp"),
    Story("小区停水无通知", "complaint", "水务局", 4, 120, 0.05, "12345", "drop"),
    Story("供水管爆裂，路面冒水", "help", "水务局", 2, 12, 0.5, "12345", "drop"),
    Story("夜间施工噪声扰民", "complaint", "住建局", 7, 168, scheme="12345", icon="users"),
    Story("集市占道经营", "complaint", "城管局", 6, 168, scheme="12345", icon="users"),
    Story("咨询社保转移手续", "consult", "人社局", 9, 120, scheme="12345", icon="users"),
    Story("反映公交班次减少", "complaint", "交通运输局", 4, 168, scheme="12345", icon="car"),
    Story("物业收费争议", "complaint", "住建局", 6, 168, scheme="12345", icon="users"),
    Story("噪声扰民", "complaint", "生态环境局", 5, 168, scheme="12345", icon="users"),
    Story("景区停车收费咨询", "consult", "文旅局", 3, 120, scheme="12345", icon="car"),
    Story("建议增设斑马线", "suggest", "公安局", 3, 168, scheme="12345", icon="car"),
    Story("污水外溢", "report", "水务局", 4, 72, 0.05, "12345", "drop"),
    Story("学校周边交通拥堵", "complaint", "公安局", 3, 168, scheme="12345", icon="car"),
    Story("农村客运站设施破损", "complaint", "交通运输局", 2, 168, scheme="12345", icon="warn"),
    Story("表扬社区工作人员", "praise", "街道办", 1, 168, scheme="12345", icon="users"),
)
URBAN: tuple[Story, ...] = (
    Story("果皮箱破损", "0104", "城管局", 6, 24),
    Story("道路破损", "0110", "住建局", 5, 72),
    Story("井盖破损下陷", "0401", "城管局", 2, 12, 0.3),
    Story("非法小广告", "0201", "城管局", 7, 24),
    Story("工地扬尘", "0302", "住建局", 3, 24),
    Story("行道树折枝", "0106", "城管局", 3, 24),
    Story("共享单车乱停放", "0506", "城管局", 6, 12),
    Story("店外经营", "0504", "城管局", 6, 12),
    Story("渣土遗撒", "0112", "城管局", 3, 8),
    Story("路灯不亮", "0699", "城管局", 4, 48, icon="lamp"),
    Story("无证掘路", "0305", "住建局", 1, 24),
)
INCIDENT: tuple[Story, ...] = (
    Story("厂房火情", "12A", "消防救援支队", 2, 8, 1, "gbt35561", "flame"),
    Story("山林火情", "11F", "林业局", 2, 12, 1, "gbt35561", "flame"),
    Story("渔船机损待援", "12D", "海洋综合执法支队", 1, 10, 1, "gbt35561", "boat"),
    Story("国道货车侧翻", "12C", "公安局", 2, 6, 1, "gbt35561", "car"),
    Story("燃气管道挖断泄漏", "12E", "住建局", 1, 6, 1, "gbt35561", "gas"),
)


@dataclass(frozen=True, slots=True)
class FlowStory:
    """A flow's share of the reports, its number's prefix, stage keys in order and who reports."""

    key: str
    share: float
    prefix: str
    digits: int
    stories: tuple[Story, ...]
    stages: tuple[str, ...]
    reporters: tuple[tuple[str, str, float], ...]  # (source word, shown text, share)


FLOWS: tuple[FlowStory, ...] = (
    FlowStory("grid", 0.48, "SJ", 4, GRID, ("reported", "accepted", "forwarded", "handling", "verified", "closed"),
              (("grid", "网格员", 0.74), ("ai", "视频 AI", 0.18), ("drone", "无人机", 0.08))),
    FlowStory("hotline", 0.38, "GD", 6, HOTLINE, ("accepted", "forwarded", "signed", "handling", "callback", "closed"),
              (("hotline", "12345", 1.0),)),
    FlowStory("urban", 0.14, "CG", 4, URBAN, ("filed", "dispatched", "handling", "verified", "closed"),
              (("urban", "监督员", 0.8), ("ai", "视频 AI", 0.2))),
)  # fmt: skip
INCIDENTS = FlowStory("incident", 0.0, "TF", 3, INCIDENT, ("received", "assessed", "response", "handling", "ended"),
                      (("119", "119 联动", 0.6), ("110", "110 联动", 0.4)))  # fmt: skip
# Reports an hour of the local day (the shape of a duty room's day), and what weekends and the hotline do to it.
HOURS = (4, 3, 2, 2, 3, 5, 9, 18, 22, 26, 24, 21, 17, 20, 21, 22, 21, 19, 16, 14, 12, 10, 8, 6)
WEEKEND, WEEKDAY = 0.9, 1.04
# Reports that are not (yet) a case, and those nobody has verified.
UNLINKED, SUSPECTED = 0.03, 0.015
# Routine reports the duty room has not accepted yet, as a share of a day's; the urgent are accepted at once.
WAITING = 0.05
# Cases closed later than their deadline: 按期处置率 follows from it.
LATE = 0.052
