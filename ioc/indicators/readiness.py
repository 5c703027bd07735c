"""How ready the city is: teams in towns, true warnings, beds and doctors, sound bridges and lines (EMG-12, EMG-13,
COC-12, LIF-01). They rest on imported data: 未接入, with the dataset named, until it was brought in."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

_MINUTE = dt.timedelta(seconds=60)
_HOSPITALS = Text(
    "各医疗机构最近一次填报之和；未填报的不按 0 计", "Sum of the hospitals' last reports; silence is not 0"
)

INDICATORS = (
    Indicator(
        code="team_coverage",
        title=Text("应急队伍覆盖率", "Towns with a rescue team"),
        unit=Text("%", "%"),
        query="team_coverage",
        source="dataset:resources",
        formula=Text(
            "辖区内登记有救援队伍（未停用）的镇街数 ÷ 镇街数",
            "towns in which a rescue team is registered and not out of service ÷ all towns",
        ),
        interval=_MINUTE,
        every_s=60.0,
        target=100.0,
        records="towns",
        order=102,
        wall=False,
        zero_text=Text("本区划内没有镇街", "No towns inside"),
    ),
    Indicator(
        code="warning_accuracy",
        title=Text("预警准确率", "True warnings"),
        unit=Text("%", "%"),
        query="warning_accuracy",
        source="dataset:checks",
        formula=Text(
            "近 365 天：命中 ÷（命中＋空报＋漏报）；升级的预警按最后一次检验，演练不计，未检验的不计入但列出",
            "Last 365 days: hits ÷ (hits + false alarms + misses); an upgraded warning is judged once, exercises are "
            "left out, those not judged yet are listed and not counted",
        ),
        interval=_MINUTE,
        every_s=60.0,
        target=95.0,
        scale=(50.0, 100.0),
        compare=Text("同比", "vs a year ago"),
        records="warnings",
        order=103,
        wall=False,
        zero_text=Text("近一年无已检验预警", "None judged in a year"),
    ),
    Indicator(
        code="beds_free",
        title=Text("空余床位", "Free beds"),
        unit=Text("张", "beds"),
        query="medical",
        params={"what": "beds"},
        source="dataset:capacity",
        formula=_HOSPITALS,
        interval=_MINUTE,
        every_s=15.0,
        decimals=0,
        records="hospitals",
        order=104,
        wall=False,
        zero_text=Text("无机构填报床位", "No beds reported"),
    ),
    Indicator(
        code="doctors",
        title=Text("在岗医生", "Doctors on duty"),
        unit=Text("人", ""),
        query="medical",
        params={"what": "doctors"},
        source="dataset:capacity",
        formula=_HOSPITALS,
        interval=_MINUTE,
        every_s=15.0,
        decimals=0,
        records="hospitals",
        order=105,
        wall=False,
        zero_text=Text("无机构填报医生", "No doctors reported"),
    ),
    Indicator(
        code="medical_stock",
        title=Text("医疗物资", "Medical supplies"),
        unit=Text("项", "items"),
        query="medical",
        params={"what": "stock"},
        source="dataset:capacity",
        formula=Text(
            "各医疗机构最近一次填报的物资条目之和（数量见清单）",
            "Lines of supplies of each hospital's last report; the list has the amounts",
        ),
        interval=_MINUTE,
        every_s=15.0,
        decimals=0,
        records="hospitals",
        order=106,
        wall=False,
        zero_text=Text("无机构填报物资", "No supplies reported"),
    ),
    Indicator(
        code="structure_health",
        title=Text("桥梁与线路健康", "Sound bridges and lines"),
        unit=Text("%", "%"),
        query="structure_health",
        source="dataset:targets",
        formula=Text(
            "健康分不低于阈值的 ÷ 全部桥梁、隧道、电力线路、管道、大坝；未评定的为未知，不算达标",
            "score at or above its threshold ÷ all bridges, tunnels, power lines, pipelines and dams; what nobody "
            "measured is unknown and not counted as sound",
        ),
        interval=_MINUTE,
        every_s=60.0,
        target=100.0,
        records="structures",
        order=107,
        wall=False,
        zero_text=Text("本区划内没有此类设施", "None of them inside"),
    ),
)
