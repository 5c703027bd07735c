"""Every reason a record can be refused for, in both languages. Codes are stable: operators filter and count by them."""

from __future__ import annotations

from collections.abc import Mapping

from ioc.errors import Reason

_WORDS: Mapping[str, tuple[str, str]] = {
    "missing_field": ("必填项为空", "required"),
    "too_long": ("超过 {limit} 个字符", "longer than {limit} characters"),
    "bad_text": ("应为文字", "must be text"),
    "bad_object": ("应为 JSON 对象", "must be a JSON object"),
    "bad_json": ("不是有效的 JSON", "not valid JSON"),
    "bad_topic": ("主题不符合约定", "the topic does not follow the convention"),
    "bad_number": ("不是数字", "not a number"),
    "out_of_range": ("超出合理范围 {low} ～ {high}", "outside the plausible range {low} to {high}"),
    "bad_time": ("不是有效的时间", "not a valid time"),
    "future_time": ("晚于当前时间 {minutes} 分钟以上", "more than {minutes} minutes in the future"),
    "too_old": ("早于保存期限 {days} 天", "older than the retention of {days} days"),
    "time_order": ("早于 {other}", "earlier than {other}"),
    "unknown_device": ("没有这个设备", "no such device"),
    "ambiguous_device": ("多个来源有同一编号的设备：{sources}", "devices of several sources have this id: {sources}"),
    "unknown_resource": ("没有这个应急资源", "no such resource"),
    "ambiguous_resource": (
        "多个来源有同一编号的资源：{sources}",
        "resources of several sources have this id: {sources}",
    ),
    "no_flight": ("一次飞行至少要有两个不同时刻的位置", "a flight needs positions at two moments at least"),
    "uneven_track": ("时间 {times} 个、位置 {points} 个，数目不符", "{times} times for {points} positions"),
    "wrong_xml": ("根元素是 {got}，应为 {want}", "the root element is {got}, must be {want}"),
    "file_too_large": ("文件超过 {limit} MB", "the file is larger than {limit} MB"),
    "bad_picture": ("应为照片", "must be a picture"),
    "no_fix": ("没有定位（0, 0）", "no fix (0, 0)"),
    "unknown_warning": ("没有这个编号的预警", "no warning has this identifier"),
    "ambiguous_warning": ("多个来源有同一编号的预警", "warnings of several sources have this identifier"),
    "not_judged": ("演练、已被更新或尚未生效的预警不检验", "an exercise, replaced or not in force: not judged"),
    "older_report": ("已有更新的填报", "a newer report is known"),
    "unknown_property": ("没有这个观测项", "no such property"),
    "unknown_kind": ("没有这个类型", "no such kind"),
    "unknown_category": ("分类表 {scheme} 中没有这个代码", "no such code in the category table {scheme}"),
    "unknown_scheme": ("没有这个分类表，可用：{known}", "no such category table, known: {known}"),
    "unknown_urgency": ("应为 一般、紧急 或 特急", "must be routine, urgent or critical"),
    "unknown_status": ("没有这个状态", "no such status"),
    "unknown_flow": ("没有这个办件流程", "no such case flow"),
    "unknown_stage": ("流程 {flow} 没有这个环节", "the flow {flow} has no such stage"),
    "unknown_region": ("没有这个区划", "no such region"),
    "unknown_parent": ("上级区划 {parent} 不存在", "the parent region {parent} does not exist"),
    "unknown_gateway": ("没有这个网关", "no such gateway"),
    "unknown_crs": ("不是可接受的坐标系", "not an accepted coordinate system"),
    "bad_code": ("代码格式不符", "the code is malformed"),
    "bad_level": ("应为 1 至 4 级（Ⅰ–Ⅳ）", "must be level 1 to 4 (I-IV)"),
    "bad_choice": ("应为 {choices} 之一", "must be one of {choices}"),
    "bad_words": ("无法识别，例：{choices}", "not understood; for example {choices}"),
    "crs_mismatch": ("数值与声明的坐标系 {crs} 不符", "the values do not fit the declared system {crs}"),
    "crs_disagrees": ("文件自带坐标系与声明的 {crs} 不一致", "the file's own system is not the declared {crs}"),
    "swapped_lonlat": ("经度与纬度颠倒", "longitude and latitude are swapped"),
    "out_of_area": (
        "位于本中心范围之外（超出 {buffer} 米缓冲）",
        "outside the centre's area (beyond the buffer of {buffer} m)",
    ),
    "out_of_scope": ("不在授权的区划范围内", "outside the regions granted"),
    "source_not_allowed": ("该令牌只能上报来源 {source}", "this token may only report as {source}"),
    "missing_geometry": ("没有图形", "no geometry"),
    "wrong_geometry": ("图形类型 {got} 不符，应为 {want}", "geometry is {got}, must be {want}"),
    "bad_geometry": ("图形无法读取", "the geometry cannot be read"),
    "empty_geometry": ("图形为空", "the geometry is empty"),
    "self_intersection": ("图形自相交（{where}）", "the geometry intersects itself ({where})"),
    "invalid_geometry": ("图形无效：{where}", "invalid geometry: {where}"),
    "duplicate_key": ("同一编号在文件中出现过且内容不同", "this key occurred before in the file with different data"),
    "duplicate_number": ("办件编号已被来源 {source} 使用", "the case number is already used by source {source}"),
    "conflicting_value": ("同一时刻已有不同的值 {stored}", "a different value {stored} is stored for this time"),
    "short_row": ("列数与表头不符", "the number of columns differs from the header"),
    "bad_encoding": ("文字编码有误", "the text encoding is broken"),
    "not_storable": ("数据库拒收该记录", "the database refuses this record"),
    "bad_login": ("2 至 64 个字母、数字或 - _ .", "2 to 64 of letters, digits, - _ ."),
    "bad_phone": ("不是电话号码", "not a telephone number"),
    "last_admin": (
        "最后一个可用的管理员，不能停用或改角色",
        "the last administrator in use: neither disabled nor re-assigned",
    ),
    "demo_account": ("是演示账号，先运行 ioc demo drop", "is an account of the demo: run ioc demo drop first"),
    # device models and tables of standards
    "unknown_model": ("没有配置这个型号", "no such device model"),
    "nameless_device": (
        "主题没有设备名（v1/devices/me 只在 ThingsBoard 内部有意义）",
        "the topic names no device (v1/devices/me means something inside ThingsBoard only)",
    ),
    "not_in_model": ("型号 {model} 没有这个属性", "the model {model} has no such property"),
    "not_in_map": ("不在枚举中：{known}", "not among the listed values: {known}"),
    "unknown_unit": ("没有这个单位", "no such unit"),
    "dimension_mismatch": (
        "单位 {unit} 与 {property} 的单位 {ours} 量纲不同",
        "the unit {unit} does not measure what {property} ({ours}) does",
    ),
    "unknown_key": ("没有这一项，可用：{known}", "no such item, known: {known}"),
    "one_way_only": ("枚举、位、折线只能取一种", "only one of map, bit and points"),
    "not_rising": ("应逐个增大", "must rise from one to the next"),
    "wrong_count": ("应为 {want} 个", "must be {want}"),
    "double": ("重复", "given twice"),
    "bad_table": ("不是可识别的表", "not a table that is understood"),
    "too_many_rows": ("超过 {limit} 条", "more than {limit}"),
    "low_above_high": ("下限大于上限", "the lower bound is above the upper one"),
    "bad_points": ("应为 至少两对数，如 3000=0;3600=100", "must be two pairs of numbers or more: 3000=0;3600=100"),
    "disk_budget": ("磁盘空间不足，暂停接收观测值", "disk budget spent, observations are not accepted"),
    # official warnings (CAP 1.2, warning JSON)
    "xml_bad": ("XML 格式有误（{where}）", "not well-formed XML ({where})"),
    "xml_forbidden": ("XML 中不接受 {what}", "XML with {what} is not accepted"),
    "xml_limit": ("XML 超出限制：{what} ≤ {limit}", "XML beyond a limit: {what} <= {limit}"),
    "not_cap": ("不是 CAP 1.2 预警（urn:oasis:names:tc:emergency:cap:1.2）", "not an alert of CAP 1.2"),
    "bad_media": ("应为 CAP XML 或预警 JSON", "must be CAP XML or warning JSON"),
    "one_only": ("一次只接收一条预警", "one warning at a time"),
    "bad_identifier": ("不得含空格、逗号、< 或 &", "must not contain spaces, commas, < or &"),
    "not_actual": ("状态为 {status}，不是正式预警", "status is {status}: not an actual warning"),
    "not_public": ("范围为 {scope}，本系统只接收公开预警", "scope is {scope}: only public warnings are accepted"),
    "naive_time": ("时间缺少时区", "the time has no offset"),
    "missing_info": ("预警没有内容（info）", "the warning has no info"),
    "missing_references": (
        "更新、解除或回执必须引用原预警",
        "an update, cancel or receipt must refer to a message",
    ),
    "bad_references": ("引用应为 发布者,编号,时间", "references must be sender,identifier,sent"),
    "self_reference": ("引用了自身", "it refers to itself"),
    "unknown_severity": ("没有级别，也没有颜色", "neither a severity nor a colour"),
    "conflicting_colour": ("写明了多种颜色：{colours}", "it names several colours: {colours}"),
    "colour_of_kind": ("{kind}没有{colour}级，应为 {known} 之一", "{kind} has no colour {colour}, only {known}"),
    "mixed_infos": ("同一语言的多段内容种类或颜色不同", "infos of one language differ in kind or colour"),
    "open_polygon": ("多边形没有闭合", "the polygon is not closed"),
    "few_points": ("多边形少于 {limit} 个点", "the polygon has fewer than {limit} points"),
    "many_points": ("图形超过 {limit} 个点", "the shapes have more than {limit} points"),
    "bad_shape": ("应为 纬度,经度 …", "must be lat,lon ..."),
    "missing_area": (
        "没有可定位的区域（多边形、圆或区划代码）",
        "no polygon, circle or region code to place it by",
    ),
    "not_here": ("与本中心的区划无关", "concerns no region of this centre"),
    "foreign_link": ("链接指向另一主机", "the link leads to another host"),
    # AI video detections, GB/T 28181 catalogues
    "picture_size": ("图片超过 {limit} KB", "the picture is larger than {limit} KB"),
    "not_a_picture": ("不是有效的 JPEG、PNG 或 WebP 图片", "not a valid JPEG, PNG or WebP picture"),
    "bad_base64": ("不是有效的 base64", "not valid base64"),
    "bad_boxes": (
        "应为至多 {limit} 个 [x, y, 宽, 高]，取值 0 至 1",
        "must be at most {limit} boxes [x, y, width, height] of 0 to 1",
    ),
    "already_reviewed": ("已由人工核查，不再接受更改", "reviewed by a person, not to be changed any more"),
    "unknown_algorithm": ("没有这种算法", "no such algorithm"),
    "missing_place": ("没有摄像机也没有坐标", "neither a camera nor coordinates"),
    "id_length": ("国标编号应为 20 位数字", "the id must have 20 digits"),
    "id_centre": ("编号前 2 位 {got} 不是省级代码（GB/T 2260）", "digits 1-2 ({got}) are no province (GB/T 2260)"),
    "id_type": ("编号第 11-13 位 {got} 不是设备类型", "digits 11-13 ({got}) are no type of device"),
    "not_catalogue": (
        "不是 GB/T 28181 目录（CmdType 应为 Catalog）",
        "not a catalogue of GB/T 28181 (CmdType Catalog)",
    ),
    "catalogue_incomplete": (
        "目录不完整：应有 {want} 项，收到 {got} 项",
        "the catalogue is incomplete: {got} of {want} items arrived",
    ),
    # population, buildings, terrain of emergency command
    "overlaps": ("与同一图层的 {other} 重叠", "overlaps {other} of the same layer"),
    "unknown_place": ("没有这个区划或网格", "no such region or grid cell"),
    "ambiguous_place": ("有 {n} 个区划或网格使用这个编码", "{n} regions or grid cells have this code"),
    "no_outline": ("该区划没有边界图形", "this region has no outline"),
    "above_total": ("大于总人口 {total}", "more than the whole population {total}"),
    "unknown_datum": ("没有这个高程基准；可用：{known}", "no such vertical datum; known: {known}"),
    "bad_grid": ("栅格不可用：{why}", "this grid cannot be used: {why}"),
    "identifier_taken": ("编号已用于另一条预警", "the identifier is taken by another message"),
}

CODES = frozenset(_WORDS)


def reason(field: str, code: str, value: object = "", /, **values: object) -> Reason:
    """The reason `code` for `field`. `value` is what was delivered, cut at 200 characters."""
    zh, en = _WORDS[code]
    shown = "" if value is None else str(value)[:200]
    return Reason(field, code, zh.format(**values), en.format(**values), shown)


class Refuse(Exception):
    """Raised by a field's parser. The record collects it and goes on with the next field."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values

    def of(self, field: str, value: object) -> Reason:
        return reason(field, self.code, value, **self.values)
