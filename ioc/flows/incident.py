"""突发事件: 接报-研判-启动响应-处置-终止. Its deadlines are those of the first and the follow-up reports."""

from ioc.declare import Flow
from ioc.i18n import Text

FLOW = Flow(
    key="incident",
    title=Text("突发事件", "Incident"),
    short=Text("突发", "Incident"),
    stages=(
        ("received", Text("接报", "Received")),
        ("assessed", Text("研判", "Assessed")),
        ("response", Text("启动响应", "Response")),
        ("handling", Text("处置", "Handling")),
        ("ended", Text("终止", "Ended")),
    ),
    waiting=Text("待研判", "Awaiting assessment"),
    closed="ended",
)
