"""数字城管案件 (GB/T 30428): 立案-派遣-处置-核查-结案-评价."""

from ioc.declare import Flow
from ioc.i18n import Text

FLOW = Flow(
    key="urban",
    title=Text("城管案件", "City management case"),
    short=Text("城管", "City mgmt"),
    stages=(
        ("filed", Text("立案", "Filed")),
        ("dispatched", Text("派遣", "Dispatched")),
        ("handling", Text("处置", "Handling")),
        ("verified", Text("核查", "Verified")),
        ("closed", Text("结案", "Closed")),
        ("evaluated", Text("评价", "Evaluated")),
    ),
    waiting=Text("待派遣", "Awaiting dispatch"),
    closed="closed",
)
