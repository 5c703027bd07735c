"""数字城管案件 (GB/T 30428): 立案-派遣-处置-核查-结案-评价."""

from ioc.declare import Flow, Step
from ioc.flows._steps import DISPATCH, RATED, VERIFY, aside, handled
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
    grids=("unit", "general", "special"),
    steps=(
        Step(
            "dispatch",
            Text("派遣", "Dispatch"),
            ("filed",),
            DISPATCH,
            to="dispatched",
            needs=("department",),
            clock="stage",
        ),
        *handled("dispatched", ("filed",), Text("处置反馈", "Done"), Text("结案", "Close")),
        Step("rate", Text("评价", "Rate"), ("closed",), VERIFY, to="evaluated", needs=("satisfaction",), may=RATED),
        *aside(("filed", "dispatched", "handling", "verified"), ("filed",), "handling", "filed", "closed"),
    ),
)
