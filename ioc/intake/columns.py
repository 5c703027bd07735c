"""Column names of departments' files, recognised by the words they use; `--map field=列名` overrides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ioc.errors import Invalid
from ioc.fold import fold
from ioc.intake.reasons import reason

_TAIL = re.compile(r"[(（\[【].*$")
_NOISE = re.compile(r"[\s_\-:：*]+")

# Field -> names, besides its own. `|` separates; most exact first. Shared by all kinds of rows.
COMMON: Mapping[str, str] = {
    "external_id": "编号|设备编号|设备编码|资源编号|点位编号|终端编号|编码|唯一标识|标识|设备id|device_id|deviceid|id"
    "|objectid|code|fid|gid|序号",
    "name": "名称|设备名称|点位名称|监控点名称|资源名称|区划名称|网格名称|单位名称|站点名称|站名|name|title|mc|名字",
    "kind": "类型|设备类型|资源类型|网格类型|种类|类别|设备类别|type|kind|devicetype|lx",
    "lon": "经度|longitude|lng|long|经度坐标|东坐标|lon|jd|x|x坐标|coordx|pointx",
    "lat": "纬度|latitude|纬度坐标|北坐标|lat|wd|y|y坐标|coordy|pointy",
    "wkt": "wkt|geometry|geom|几何|边界|坐标串|范围",
    "status": "状态|设备状态|在线状态|运行状态|status|state|zt",
    "address": "地址|安装地址|详细地址|位置|安装位置|事发地址|事发地点|地点|所在位置|address|addr|dz",
    "department": "部门|所属部门|责任部门|责任单位|承办单位|主责部门|权属单位|管理单位|主管部门|主管单位|建设单位"
    "|department|owner|dept",
    "private_to": "共享范围|仅限部门|private_to",
    "sensitivity": "敏感级别|敏感等级|密级|sensitivity",
    "region_given": "区划代码|行政区划代码|所属区划|区划编码|所属区划代码|civilcode",
    "phone": "电话|联系电话|手机|手机号|手机号码|联系方式|phone|tel|mobile",
    "officer": "责任人|负责人|联系人|网格员|网格员姓名|管理员|姓名|officer|contact",
}
DEVICES: Mapping[str, str] = {
    **COMMON,
    "national_id": "国标编码|国标编号|国标id|gb28181编码|28181编码|统一编码|national_id|gbid",
    "gateway": "网关|网关编号|上级设备|父设备|所属网关|gateway|gateway_id|parentid",
    "model": "型号|设备型号|产品型号|规格型号|model|devicemodel",
    "azimuth_deg": "方位角|朝向|朝向角度|方向角|azimuth|heading",
    "fov_deg": "视场角|视角|fov",
    "interval_s": "上报间隔|采集间隔|上报周期|采集周期|interval|interval_s",
    "property": "观测项|监测项|监测指标|监测因子|property",
    "limit_high": "上限|警戒值|警戒水位|报警上限|告警上限|限值|阈值|limit|limit_high",
    "limit_low": "下限|报警下限|告警下限|limit_low",
    "limit_note": "限值依据|限值说明|limit_note",
}
REGIONS: Mapping[str, str] = {
    **{k: v for k, v in COMMON.items() if k in ("name", "lon", "lat", "wkt")},
    "code": "区划代码|行政区划代码|代码|编码|区划编码|统计用区划代码|code|adcode|xzqdm|pac|编号",
    "kind": "级别|区划级别|行政级别|类型|层级|level|kind|type",
    "parent": "上级代码|上级区划|上级区划代码|父级代码|所属区划|parent|parent_code|pcode",
    "members": "成员|所辖区划|所辖镇街|成员代码|members",
    "name_en": "英文名|英文名称|name_en|ename",
    "population": "人口|常住人口|人口数|population|rk",
    "sketch": "示意|sketch",
}
GRIDS: Mapping[str, str] = {
    **{k: v for k, v in COMMON.items() if k != "external_id"},
    "code": "网格编码|网格编号|编号|编码|代码|网格代码|code|id|wgbm",
    "kind": "网格类型|类型|网格类别|kind|type",
    "role": "岗位|角色|职务|role",
}
RESOURCES: Mapping[str, str] = {
    **COMMON,
    "carried": "携带装备|装备|随车装备|物资清单|主要装备|主要物资|carried|equipment",
    "people": "人员数|队员人数|队伍人数|编制人数|人员数量|people|crew",
    "vehicle_class": "车型|车辆类型|车辆类别|vehicle_class|vehicle",
    "capacity": "容量|人数|数量|可容纳人数|规模|capacity|count",
    "observed_at": "更新时间|核查时间|时间|observed_at",
}
EVENTS: Mapping[str, str] = {
    **{k: v for k, v in COMMON.items() if k in ("lon", "lat", "wkt", "address", "sensitivity", "department")},
    "source_id": "编号|事件编号|工单编号|案件编号|事件id|流水号|source_id|id",
    "title": "标题|事件标题|事件名称|名称|诉求标题|title|name",
    "description": "描述|事件描述|内容|问题描述|诉求内容|description|content",
    "category_code": "类别|事件类别|事件类型|小类|分类|三级分类|类型|问题类型|category|category_code|type",
    "category_scheme": "分类标准|分类体系|category_scheme|scheme",
    "urgency": "紧急程度|紧急度|缓急|urgency",
    "incident_level": "事件等级|事件级别|级别|初判级别|incident_level|level",
    "status": "状态|事件状态|办理状态|status",
    "suspected": "疑似|是否疑似|suspected",
    "occurred_at": "发生时间|上报时间|事发时间|受理时间|时间|occurred_at|time",
    "region": "区划代码|行政区划代码|所属区划|区划|region",
    "device": "设备编号|设备编码|device",
}
CASES: Mapping[str, str] = {
    **{k: v for k, v in EVENTS.items() if k not in ("source_id", "suspected", "device", "status")},
    "number": "工单编号|案件编号|办件编号|编号|案卷号|流水号|number|source_id|id",
    "flow": "流程|办件类型|流程类型|flow",
    "stage": "环节|当前环节|办理环节|阶段|状态|办理状态|stage",
    "officer": "经办人|承办人|办理人|处置人|责任人|网格员|officer",
    "opened_at": "受理时间|立案时间|登记时间|上报时间|创建时间|发生时间|opened_at",
    "responded_at": "签收时间|响应时间|到场时间|responded_at",
    "due_at": "环节时限|当前时限|截止时间|办理时限|到期时间|due_at",
    "total_due_at": "总时限|办结时限|办结期限|total_due_at",
    "closed_at": "办结时间|结案时间|完成时间|closed_at",
    "satisfaction": "满意度|评价|satisfaction",
}
LAYER: Mapping[str, str] = {
    "external_id": COMMON["external_id"],
    "name": COMMON["name"],
    "lon": COMMON["lon"],
    "lat": COMMON["lat"],
    "wkt": COMMON["wkt"],
    "sensitivity": COMMON["sensitivity"],
}


def plain(name: str) -> str:
    """A column name as it is compared: folded, without units in brackets, spaces and separators."""
    return _NOISE.sub("", _TAIL.sub("", fold(name)))


def recognise(columns: Sequence[str], fields: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Column -> field. A column is given to one field, the first of `fields` that names it best; the rest stay extra.

    Raises Invalid when `mapping` names a field or a column that is not there.
    """
    wrong = [reason("map", "bad_choice", field, choices=", ".join(fields)) for field in mapping if field not in fields]
    known = {plain(c): c for c in reversed(columns)}
    wrong += [
        reason("map", "bad_choice", column, choices=", ".join(columns))
        for column in mapping.values()
        if column not in columns and plain(column) not in known
    ]
    if wrong:
        raise Invalid(reasons=wrong)
    out = {(column if column in columns else known[plain(column)]): field for field, column in mapping.items()}
    taken = set(mapping)
    # by rank of the name within its field, so that 设备编号 beats 序号 whatever the order of the columns
    names = {field: [plain(field), *map(plain, words.split("|"))] for field, words in fields.items()}
    for rank in range(max(map(len, names.values()))):
        for field, words in names.items():
            column = known.get(words[rank]) if rank < len(words) else None
            if column is not None and column not in out and field not in taken:
                out[column] = field
                taken.add(field)
    return out
