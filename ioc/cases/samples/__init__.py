"""示例 files: they show the form, and run the demo. A centre without demo data refuses them (`sample_reasons`)."""

from __future__ import annotations

from importlib import resources

from ioc.cases.sheets import Sheet, read_sheet

DEADLINES = ("deadlines_urban.csv", "deadlines_service.csv")
DAYS, HOURS, MARKETS = "calendar_days.csv", "calendar_hours.csv", "calendar_markets.csv"


def sample_sheet(name: str) -> Sheet:
    """One of the files beside this one, by name."""
    return read_sheet(name, resources.files(__name__).joinpath(name).read_bytes())
