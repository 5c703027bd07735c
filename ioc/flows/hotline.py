"""12345 工单: 受理-转办-签收-办理-回访-办结."""

from ioc.declare import Flow, Step
from ioc.flows._steps import DISPATCH, HANDLE, RATED, VERIFY, aside
from ioc.i18n import Text

FLOW = Flow(
    key="hotline",
    title=Text("12345 工单", "12345 order"),
    short=Text("12345", "12345"),
    stages=(
        ("accepted", Text("受理", "Accepted")),
        ("forwarded", Text("转办", "Forwarded")),
        ("signed", Text("签收", "Signed for")),
        ("handling", Text("办理", "Handling")),
        ("callback", Text("回访", "Call-back")),
        ("closed", Text("办结", "Closed")),
    ),
    waiting=Text("待签收", "Awaiting signature"),
    closed="closed",
    steps=(
        Step(
            "forward",
            Text("转办", "Forward"),
            ("accepted",),
            DISPATCH,
            to="forwarded",
            needs=("department",),
            clock="stage",
        ),
        Step("sign", Text("签收", "Sign for"), ("forwarded",), HANDLE, to="signed", own=True, clock="stage"),
        Step("begin", Text("开始办理", "Begin"), ("signed",), HANDLE, to="handling", own=True, clock="stage"),
        Step(
            "finish",
            Text("办理完成", "Done"),
            ("handling",),
            HANDLE,
            to="callback",
            own=True,
            needs=("result",),
            clock="stage",
        ),
        # 差评 sends it back to work; the rating stays with the case until it is repaired
        Step(
            "rework",
            Text("回访不满意", "Not satisfied"),
            ("callback",),
            VERIFY,
            to="handling",
            needs=("reason", "satisfaction"),
            may=RATED,
            clock="stage",
        ),
        Step(
            "close",
            Text("回访办结", "Close after the call"),
            ("callback",),
            VERIFY,
            to="closed",
            needs=("satisfaction",),
            may=RATED,
            clock="end",
        ),
        # said after it was closed: by the caller, or by the platform the order came from
        Step("rate", Text("评价", "Rate"), ("closed",), VERIFY, needs=("satisfaction",), may=RATED),
        *aside(
            ("accepted", "forwarded", "signed", "handling", "callback"), ("accepted",), "handling", "accepted", "closed"
        ),
    ),
)
