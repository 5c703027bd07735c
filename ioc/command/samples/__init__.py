"""The product's own table of the terms of reports, in force until a centre imports its own."""

from __future__ import annotations

from functools import cache
from importlib import resources

from ioc.cases.sheets import Sheet, read_sheet

TERMS = "report_terms.csv"


@cache
def terms_sheet() -> Sheet:
    return read_sheet(TERMS, resources.files(__name__).joinpath(TERMS).read_bytes())


PLANS = "plans.csv"


@cache
def plans_sheet() -> Sheet:
    """示例 plans: they show the form, and run the demo. A centre without demo data refuses them."""
    return read_sheet(PLANS, resources.files(__name__).joinpath(PLANS).read_bytes())
