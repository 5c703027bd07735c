"""网格事件 (GRD-03, GB/T 34300 practice): 上报-受理-流转-处置-核查-办结."""

from ioc.declare import Flow, Step
from ioc.flows._steps import ACCEPT, DISPATCH, aside, handled
from ioc.i18n import Text

FLOW = Flow(
    key="grid",
    title=Text("网格事件", "Grid event"),
    short=Text("网格", "Grid"),
    stages=(
        ("reported", Text("上报", "Reported")),
        ("accepted", Text("受理", "Accepted")),
        ("forwarded", Text("流转", "Forwarded")),
        ("handling", Text("处置", "Handling")),
        ("verified", Text("核查", "Verified")),
        ("closed", Text("办结", "Closed")),
    ),
    waiting=Text("待受理", "Awaiting acceptance"),
    closed="closed",
    to_officer=True,
    steps=(
        Step("accept", Text("受理", "Accept"), ("reported",), ACCEPT, to="accepted", clock="stage"),
        Step(
            "forward",
            Text("派遣", "Forward"),
            ("accepted",),
            DISPATCH,
            to="forwarded",
            needs=("department",),
            clock="stage",
        ),
        *handled("forwarded", ("reported", "accepted"), Text("处置完成", "Done"), Text("办结", "Close")),
        *aside(
            ("reported", "accepted", "forwarded", "handling", "verified"),
            ("reported", "accepted"),
            "handling",
            "accepted",
            "closed",
        ),
    ),
)
