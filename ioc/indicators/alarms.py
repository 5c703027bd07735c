"""How heavy the desk's load of alarms is. ISA-18.2 and EEMUA 191: more than 10 in 10 minutes is a flood for one
operator, one in ten minutes is what one can well live with.
"""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATORS = (
    Indicator(
        code="alarm_load",
        title=Text("告警负荷", "Alarm load"),
        unit=Text("条/10 分钟·人", "per 10 min and operator"),
        query="alarm_load",
        params={"centre": True},  # a desk is the centre's, not a region's
        source="alarm",
        formula=Text(
            "近 10 分钟触发的告警（告警组计 1，搁置、抑制、停用不计）÷ 在席值班员数；备注为近 24 小时峰值",
            "alarms raised in the last 10 minutes (a flood counts once, held ones do not) ÷ operators signed in; "
            "the note is the peak of the last 24 hours",
        ),
        permission="alarm.view",
        interval=dt.timedelta(seconds=60),
        target=None,
        better="low",
        scale=(0.0, 20.0),
        decimals=1,
        records="alarms?period=10min",
        order=95,
        wall=False,
        zero_text=Text("近 10 分钟无告警", "None in 10 minutes"),
    ),
)
