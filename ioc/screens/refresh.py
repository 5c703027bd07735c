"""Panels again, for callbacks: the asker's scope, the page, the region now chosen, to the children of one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ioc.errors import IocError
from ioc.i18n import t
from ioc.scope import Scope
from ioc.screens import (
    data_tabs,
    desk,
    duty,
    embed,
    panels,
    parts,
    records,
    saved,
    site,
    supervise,
    tiles,
    topics,
    village,
    wall,
)
from ioc.screens.model import Model, make_view, wall_tiles
from ioc.screens.state import PageState, View, Who
from ioc.services import Services


def _said(error: IocError, lang: str) -> list[Any]:
    return [parts.fault_line(error.message(lang))]


def kpi(services: Services, scope: Scope, page: PageState, region: str) -> tuple[list[Any], str]:
    """(tiles, summary) of the page's surface."""
    view = make_view(services, page.lang)
    try:
        found = list(services.tiles(scope, region))
    except IocError as error:
        return _said(error, page.lang), ""
    if page.surface == "wall":
        found = wall_tiles(found)
    return tiles.tile_list(found, view, act=page.surface == "desk"), tiles.summary(found, page.lang)


def embedded(services: Services, scope: Scope, page: PageState) -> tuple[list[Any], str]:
    """(tiles, as of when) of an embed of tiles."""
    try:
        found = list(services.tiles(scope, page.region))
        model = Model(page, make_view(services, page.lang), None, services.centre(scope), tiles=found)
    except IocError as error:
        return _said(error, page.lang), ""
    shown = embed.chosen(model, page.path.removeprefix(site.TILE_PATH))
    return embed.tile_children(shown, model), embed.as_of_text(shown, model)


def warnings(services: Services, scope: Scope, page: PageState, region: str) -> list[Any]:
    view = make_view(services, page.lang)
    try:
        return panels.warning_strip(services.warnings(scope, region), view)
    except IocError as error:
        return _said(error, page.lang)


def warning_line(services: Services, scope: Scope, page: PageState) -> list[Any]:
    """Of an embed, in the region it was signed for."""
    try:
        return panels.warning_line(services.warnings(scope, page.region), make_view(services, page.lang))
    except IocError as error:
        return _said(error, page.lang)


def sources(services: Services, scope: Scope, page: PageState) -> tuple[list[Any], list[Any]]:
    """(counter, what is late or lost by name)."""
    view = make_view(services, page.lang)
    try:
        found = services.sources(scope)
    except IocError as error:
        return [error.message(page.lang)], _said(error, page.lang)
    return panels.source_counter(found, page.lang), panels.status_sources(found, view)


def source_table(services: Services, scope: Scope, page: PageState) -> Any:
    try:
        return panels.source_table(services.sources(scope), make_view(services, page.lang))
    except IocError as error:
        return _said(error, page.lang)


def cards(services: Services, scope: Scope, page: PageState, region: str) -> list[Any]:
    """Incident cards of the desk."""
    try:
        return desk.incident_cards(services.worklist(scope, region), make_view(services, page.lang))
    except IocError as error:
        return _said(error, page.lang)


def crumbs(services: Services, scope: Scope, page: PageState, region: str) -> list[Any]:
    try:
        return parts.breadcrumb(services.breadcrumb(scope, region), services.children(scope, region), page.lang)
    except IocError as error:
        return _said(error, page.lang)


def detail(services: Services, scope: Scope, page: PageState, key: str, officer: str = "") -> tuple[list[Any], str]:
    """(content, class) of the detail panel. `officer`: the asker's name, as cases carry it."""
    view = make_view(services, page.lang)
    hint = site.kind_of(page) in ("events", "alarms")
    if not key:
        return desk.detail_children(None, "", "", view, hint), "det"
    try:
        return desk.detail_children(services.detail(scope, key, officer), key, "", view, hint), "det open"
    except IocError as error:
        return desk.detail_children(None, key, error.message(page.lang), view, hint), "det open"


def village_body(services: Services, scope: Scope, page: PageState, region: str) -> list[Any]:
    """What the village page says of the region now chosen; a list is left with the region it spoke of."""
    view = make_view(services, page.lang)
    try:
        asked = page.args if region == page.region else {}
        return village.body(services.village(scope, region, asked), page, view)
    except IocError as error:
        return _said(error, page.lang)


def wall_leads(services: Services, scope: Scope, page: PageState, region: str) -> tuple[list[Any], list[Any], str]:
    """(the worst incident, the worst three, class of the work panel)."""
    view = make_view(services, page.lang)
    try:
        rows = services.worklist(scope, region)
        all_leads = wall.leads(rows, services.counts(scope, region), view)
    except IocError as error:
        return _said(error, page.lang), [], "pane p-ev calm"
    first = wall.leads(rows, services.counts(scope, region), view)[:1]
    return first, all_leads, "pane p-ev" if panels.incidents(rows) else "pane p-ev calm"


def wall_side(services: Services, scope: Scope, page: PageState, region: str) -> tuple[Any, Any, Any]:
    """(district table, day trend, hotline topics) of the wider walls."""
    view = make_view(services, page.lang)
    try:
        by_code = tiles.by_code(services.tiles(scope, region))
        table = wall.district_panel(services.districts(scope, region), by_code, view)
        trend = panels.day_trend(services.counts(scope, region), view)
        topics = panels.hotline(services.hotline_topics(scope, region), page.lang)
    except IocError as error:
        said = _said(error, page.lang)
        return said, said, said
    return table, trend, topics


def wall_sources(services: Services, scope: Scope, page: PageState) -> list[Any]:
    view = make_view(services, page.lang)
    try:
        return wall.source_rows(services.sources(scope), view)
    except IocError as error:
        return _said(error, page.lang)


def _titled(services: Services, scope: Scope, data: Mapping[str, Any], lang: str) -> Mapping[str, Any]:
    """Sources by their titles instead of their keys."""
    names = {source.key: source.title(lang) for source in services.sources(scope)}
    rows = [
        {**row, "source": names.get(row["source"], row["source"])} if "source" in row else row for row in data["rows"]
    ]
    return {**data, "rows": rows}


def tile_records(services: Services, scope: Scope, page: PageState, region: str, ask: Mapping[str, Any]) -> list[Any]:
    """Content of the records dialog for `ask` = {code, offset}."""
    lang, code = page.lang, str(ask.get("code") or "")
    offset = max(0, int(ask.get("offset") or 0))
    view = make_view(services, lang)
    if code == topics.CODE:
        return _topics(services, scope, view, region)
    if records.is_list(code):
        return _named_list(services, scope, view, region, code, offset)
    found = tiles.by_code(services.tiles(scope, region)).get(code)
    if found is None or not found.indicator.records:
        return records.records_missing(code, t("screens.rec.no_list", lang), lang)
    try:
        data = _titled(
            services, scope, services.records(scope, region, found.indicator.records, offset, records.PAGE), lang
        )
        place = [ref.name for ref in services.breadcrumb(scope, region)][-1:]
    except IocError as error:
        return records.records_missing(found.indicator.title(lang), error.message(lang), lang)
    return records.records_panel(found, data, offset, view, "".join(place))


def _topics(services: Services, scope: Scope, view: View, region: str) -> list[Any]:
    try:
        place = [ref.name for ref in services.breadcrumb(scope, region)][-1:]
        return topics.panel(services.topic_stats(scope, region), "".join(place), view)
    except IocError as error:
        return records.records_missing(t("topics.title", view.lang), error.message(view.lang), view.lang)


def _named_list(services: Services, scope: Scope, view: View, region: str, code: str, offset: int) -> list[Any]:
    """A list that no indicator owns: `list|TITLE|events?grid=12`."""
    title, query = records.named(code)
    try:
        data = services.records(scope, "" if "grid=" in query else region, query, offset, records.PAGE)
    except IocError as error:
        return records.records_missing(title, error.message(view.lang), view.lang)
    return records.list_panel(title, _titled(services, scope, data, view.lang), offset, view)


def outbound(services: Services, scope: Scope, page: PageState) -> list[Any]:
    try:
        return data_tabs.outbound(services.outbound(scope), make_view(services, page.lang))
    except IocError as error:
        return _said(error, page.lang)


def duty_head(services: Services, scope: Scope, page: PageState, region: str) -> tuple[list[Any], str]:
    """(who is on duty, when to ask again) for the page's head."""
    view = make_view(services, page.lang)
    try:
        found = services.duty(scope, region)
    except IocError as error:
        return _said(error, page.lang), ""
    return duty.head(found, view, wall=page.surface == "wall"), duty.head_attrs(found).get("data-until", "")


def duty_body(services: Services, scope: Scope, page: PageState, region: str, login: str) -> list[Any]:
    """The drawer: who is on, the handover and what the asker may confirm."""
    view = make_view(services, page.lang)
    try:
        return duty.body(services.duty(scope, region), services.handover(scope, login, region), view)
    except IocError as error:
        return _said(error, page.lang)


def supervision(
    services: Services, scope: Scope, page: PageState, who: Who | None, region: str
) -> tuple[str, list[Any], str, list[Any]]:
    """The 督办 list and the manual pool again."""
    at = replace(page, region=region)
    model = Model(at, make_view(services, page.lang), who, services.centre(scope))
    try:
        return supervise.live(replace(model, supervision=services.supervision(scope, region)))
    except IocError as error:
        return supervise.live(replace(model, faults={"supervision": error.message(page.lang)}))


def lower(services: Services, scope: Scope, page: PageState, region: str) -> list[Any]:
    try:
        return data_tabs.lower(services.lower(scope, region), make_view(services, page.lang))
    except IocError as error:
        return _said(error, page.lang)


def views(services: Services, scope: Scope, page: PageState) -> list[Any]:
    """Chips of the saved views."""
    try:
        return saved.chips(services.saved_views(scope), page, page.lang)
    except IocError as error:
        return _said(error, page.lang)


def many(services: Services, scope: Scope, page: PageState, keys: Sequence[str], officer: str) -> list[Any]:
    """The bar over what is picked; `keys` of rows, those of cases count."""
    ids = [int(k.removeprefix("case:")) for k in keys if k.startswith("case:") and k[5:].isdigit()]
    if not ids:
        return []
    try:
        return saved.bar(services.steps_in_common(scope, officer, ids), page.lang)
    except IocError as error:
        return _said(error, page.lang)
