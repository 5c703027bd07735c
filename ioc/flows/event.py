"""A report that is not (yet) a case: it is open until somebody closes it or makes it a case."""

from ioc.declare import Flow
from ioc.i18n import Text

FLOW = Flow(
    key="event",
    title=Text("事件上报", "Event report"),
    short=Text("事件", "Event"),
    stages=(("reported", Text("上报", "Reported")), ("closed", Text("办结", "Closed"))),
    waiting=Text("待受理", "Awaiting acceptance"),
    closed="closed",
)
