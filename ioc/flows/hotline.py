"""12345 工单: 受理-转办-签收-办理-回访-办结."""

from ioc.declare import Flow
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
)
