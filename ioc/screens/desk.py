"""The desk: frame (nav, top bar, warnings, status) and its pages overview, events, data, settings, password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc

from ioc.i18n import t
from ioc.screens import alarms, data_tabs, exporting, fences, fmt, panels, parts, saved, supervise, topics
from ioc.screens import detail as details
from ioc.screens import duty as duties
from ioc.screens.elements import Component, html
from ioc.screens.inbox import bell
from ioc.screens.marks import icon, urgency_mark
from ioc.screens.model import Model, counts_json
from ioc.screens.raising import hand_button
from ioc.screens.report import report_button
from ioc.screens.state import View
from ioc.screens.tiles import summary, tile_list
from ioc.services import Record
from ioc.ui import Clock, ConnStrip, CountRow, Keys, LangSwitch, LiveList, SearchBox, ThemeSwitch, Timeline

# The four areas of the province's one network (一网, COC-06) and the pages that exist in each, in the order of the nav;
# 设置 stands at its foot.
AREAS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("survey", (("overview", "/desk", "grid"), ("replay", "/desk/replay", "history"))),
    ("work", (("events", "/desk/events", "list"), ("review", "/desk/review", "check"),
              ("village", "/desk/village", "home"), ("supervision", "/desk/supervision", "flag"))),
    ("command", (("command", "/desk/command", "target"),)),
    ("sense", (("video", "/desk/video", "camera"), ("alarms", "/desk/alarms", "bell"), ("data", "/desk/data", "db"))),
    ("", (("settings", "/desk/settings", "gear"),)),
)  # fmt: skip
_NAMES = {
    "review": "review.nav",
    "alarms": "alarm.nav",
    "command": "cmd.nav",
    "video": "video.nav",
    "replay": "replay.nav",
}
MAX_CARDS = 3


def _nav(model: Model, current: str) -> Component:
    """Pages by area; an area in which the asker has no page is left out."""
    lang = model.lang
    groups: list[Any] = []
    for area, pages in AREAS:
        links = [_link(model, page, current) for page in pages if _offered(model, page[0])]
        name = t(f"screens.nav.area.{area}", lang) if area else ""
        named: dict[str, Any] = {"role": "group", "aria-label": name, "title": name} if name else {}
        if links:
            groups.append(html.Div(links, className="ng" if area else "ng end", **named))
    return html.Nav(groups, className="nav", **{"data-scrolls": "", "aria-label": t("screens.nav.label", lang)})


def _offered(model: Model, key: str) -> bool:
    """Whether the asker may use a page that is not everybody's."""
    who = model.who
    if key == "alarms":
        return alarms.sees(model)
    right = {"video": "video.view", "review": "detection.review"}.get(key)
    return right is None or (who is not None and who.can(right))


def _link(model: Model, page: tuple[str, str, str], current: str) -> Component:
    key, path, glyph = page
    on = model.page.past if key == "replay" else key == current and not model.page.past
    here: dict[str, Any] = {"aria-current": "page"} if on else {}
    words = [icon(glyph), html.Span(t(_NAMES.get(key, f"screens.nav.{key}"), model.lang))]
    return html.A(words, href=model.page.href(path), className="on" if on else "", **{"data-keep": "1"}, **here)


def _user(model: Model) -> Any:
    who, lang = model.who, model.lang
    if who is None:
        return html.Span("", className="who")
    role = who.role(lang)
    summary_ = html.Summary(
        [icon("user"), html.Span([role, " ", who.name] if role != who.name else who.name, className="ellip")]
    )
    out = html.Form(
        html.Button([icon("out"), t("screens.who.out", lang)], type="submit"),
        action="/api/v1/auth/sign-out",
        method="POST",
    )
    other = "dark" if model.page.theme == "light" else "light"
    # On a phone the bar has no room for the switches of theme and language.
    theme = html.A(
        [icon("swap"), t(f"screens.who.{other}", lang)],
        href=model.page.href(model.page.path, theme=other),
        **{"data-keep": "1"},
    )
    speak = "zh" if lang == "en" else "en"
    language = html.A(
        [icon("swap"), t(f"visible.lang.{speak}", lang)],
        href=model.page.href(model.page.path, lang=speak),
        lang={"zh": "zh-CN", "en": "en"}[speak],
        **{"data-keep": "1"},
    )
    items = [
        html.Li(theme, className="theme"),
        html.Li(language, className="theme"),
        *duties.menu_item(model.duty, lang),
        html.Li(html.A([icon("key"), t("screens.who.password", lang)], href=model.page.href("/desk/password"))),
        html.Li(html.A([icon("expand"), t("screens.who.wall", lang)], href=model.page.href("/wall", theme=""))),
        html.Li(out),
    ]
    return html.Details([summary_, html.Ul(items)], className="pick who")


def _top(model: Model) -> Component:
    lang = model.lang
    crumbs = html.Div(parts.breadcrumb(model.crumbs, model.children, lang), id="bc", className="bc")
    return html.Header(
        [
            crumbs,
            SearchBox(id="search", placeholder=t("screens.search", lang)),
            *report_button(model),
            *hand_button(model),
            *duties.button(model.duty, model.view),
            html.Span(parts.demo_tag(model.centre, lang), id="demo"),
            *bell(model),
            _user(model),
            LangSwitch(id="lang"),
            ThemeSwitch(id="theme"),
            Clock(id="clock", format="time", className="clk"),
        ],
        className="topb",
    )


def _status(model: Model) -> Component:
    return html.Footer(
        [
            ConnStrip(id="conn-st", variant="status"),
            html.Span(panels.status_sources(model.sources, model.view), id="sta-src", className="srcs"),
            html.Span(f"v{model.centre.version}" if model.centre.version else "", className="ver num"),
        ],
        className="sta",
    )


def frame(model: Model, current: str, main: Any) -> Component:
    """The desk around `main`."""
    strip = html.Div(
        panels.warning_strip(model.warnings, model.view),
        id="warn-strip",
        className="wstrip",
        role="status",
        **{"aria-label": t("screens.warn.label", model.lang), "data-scrolls": "1"},
    )
    body = [_nav(model, current), _top(model), strip, *alarms.bar(model), main, _status(model)]
    tail = [ConnStrip(id="conn", variant="strip"), Keys(id="keys", page=f"desk-{current}"), records_dialog()]
    tail += [duties.drawer(model.view)] if model.duty else []
    return html.Main([*parts.boot(model), *body, *tail], className=f"desk at-{current}")


def records_dialog() -> Component:
    return html.Dialog(id="rec", className="rec", open=False, children=html.Div(id="rec-body", className="rec-body"))


# ---------------------------------------------------------------- overview


def incident_cards(rows: Sequence[Record], view: View) -> list[Any]:
    """The worst incidents with their stages."""
    return [panels.incident_card(record, view) for record in panels.incidents(rows)[:MAX_CARDS]]


def detail_children(detail: Mapping[str, Any] | None, sel: str, message: str, view: View, hint: bool) -> list[Any]:
    """Content of the detail panel: the thing selected, why it cannot be shown, or what to do."""
    if detail:
        return details.detail_panel(detail, view)
    if sel:
        return details.detail_missing(sel, message or t("screens.rec.none", view.lang), view)
    return details.detail_hint(view) if hint else []


def detail_aside(model: Model, hint: bool) -> Component:
    children = detail_children(model.detail, model.page.sel, model.faults.get("detail", ""), model.view, hint)
    return html.Aside(
        children,
        id="detail",
        className="det" + (" open" if model.page.sel else ""),
        **{"aria-label": t("screens.detail.label", model.lang)},
    )


def _kpi(model: Model) -> Component:
    head = html.Div(
        [html.H2(t("screens.kpi.title", model.lang)), html.Span(summary(model.tiles, model.lang), id="kpi-sum")],
        className="ph2",
    )
    body = html.Div([*parts.fault(model, "tiles"), *tile_list(model.tiles, model.view)], id="kpi-list", className="kl")
    # Shown by desk.js where the window is too low for all tiles.
    more = html.Button([icon("down"), t("screens.kpi.more", model.lang)], type="button", className="kmore")
    return html.Section([head, body, more], className="col l")


def _map(model: Model) -> Component:
    today = html.Span([html.B(parts.when_word(model.page, model.lang)), html.Br(), _today(model)], className="lv2 num")
    strip = html.Div([today, Timeline(id="timeline", counts=counts_json(model.counts), variant="desk")], className="tl")
    return parts.map_box(model, [parts.layer_panel(model), strip], "desk")


def _today(model: Model) -> Component:
    before, _, after = t("screens.scene.today", model.lang).partition("{n}")
    return html.Span([before, html.Span(fmt.number(model.counts.today), **{"data-count": "today"}), after])


def overview(model: Model) -> Component:
    lang = model.lang
    counts = counts_json(model.counts)
    incidents = html.Div(
        [html.H3(t("screens.ev.incidents", lang)), CountRow(id="n-inc", counts=counts, variant="desk-incidents")],
        className="cnth",
    )
    side = html.Aside(
        [
            incidents,
            html.Div(incident_cards(model.rows, model.view), id="side-inc", className="icards"),
            CountRow(id="n-case", counts=counts, variant="desk-cases"),
            *parts.fault(model, "rows"),
            LiveList(id="work", variant="desk", show="cases", rows=list(model.rows[:20])),
            detail_aside(model, hint=False),
        ],
        className="col r",
    )
    return frame(model, "overview", html.Div([_kpi(model), _map(model), side], className="main over"))


# ---------------------------------------------------------------- events


def _tab(show: str, count: str, model: Model, n: int) -> Component:
    data = {"data-mine": "1"} if show == "mine" else {"data-count": count} if count else {}
    number = html.I(fmt.number(n), className="num", **data)
    # where the day is not in the word itself, it is beside it
    whole = {"title": t("export.show.closed", model.lang)} if show == "closed" else {}
    return html.Button([t(f"screens.tab.{show}", model.lang), " ", number], **whole, **_tab_attrs(show, model))


def _tab_attrs(show: str, model: Model) -> dict[str, Any]:
    on = (model.page.args.get("show") or "all") == show
    return {"className": "on" if on else "", "data-list": "work", "data-show": show, "aria-pressed": str(on).lower()}


def _tabs(model: Model) -> Component:
    counts, lang = model.counts, model.lang
    total_inc = sum(counts.incidents.values())
    over = html.Button(
        [t("screens.tab.overdue", lang), " ", CountRow(id="over", counts=counts_json(counts), variant="overdue")],
        **_tab_attrs("overdue", model),
    )
    tabs = [
        *([] if model.mine is None else [_tab("mine", "", model, model.mine)]),
        _tab("all", "open", model, counts.open),
        _tab("incidents", "", model, total_inc),
        over,
        _tab("closed", "closed_today", model, counts.closed_today),
    ]
    return html.Div(tabs, className="tabs", role="toolbar", **{"data-scrolls": "1"})


def _filters(lang: str) -> Component:
    chips: list[Any] = [
        html.Button(t("screens.flt.any", lang), className="chip on", **{"data-list": "work", "data-urgency": ""})
    ]
    for urgency in ("critical", "urgent", "routine"):
        mark = urgency_mark(urgency, lang)
        words = [mark] if urgency == "critical" else [mark, t(f"screens.urgency.{urgency}", lang)]
        chips.append(html.Button(words, className="chip", **{"data-list": "work", "data-urgency": urgency}))
    sorts = [
        html.Button(t("screens.flt.sort", lang), className="chip on", **{"data-list": "work", "data-sort": "due"}),
        html.Button(t("screens.flt.sort_new", lang), className="chip", **{"data-list": "work", "data-sort": "new"}),
    ]
    return html.Div(
        [html.Span(chips, className="g"), html.Span(sorts, className="g end")], className="flt", **{"data-scrolls": "1"}
    )


def _topics(model: Model) -> list[Any]:
    """Chips of the grid topics (GRD-04), and the way to their numbers. What belongs to none has a chip as well."""
    if not model.grid_topics:
        return []
    lang = model.lang
    every = html.Button(t("topics.any", lang), className="chip on", **{"data-list": "work", "data-topic": ""})
    chips = [
        html.Button(fmt.word(topic, lang), className="chip", **{"data-list": "work", "data-topic": topic["key"]})
        for topic in model.grid_topics
    ]
    numbers = html.Button([icon("chart"), t("topics.numbers", lang)], className="chip", **{"data-records": topics.CODE})
    label = {"aria-label": t("topics.label", lang), "data-scrolls": "1"}
    return [
        html.Div(
            [html.Span([every, *chips], className="g"), html.Span(numbers, className="g end")],
            className="flt tps", role="toolbar", **label,
        )
    ]  # fmt: skip


def _key_help(lang: str) -> Component:
    pairs = (
        (("J", "K"), "move"), (("X",), "pick"), (("Enter",), "open"), (("Esc",), "up"), (("?",), "all"),
    )  # fmt: skip
    return html.Div(
        [
            html.Span([*[html.Span(k, className="kbd") for k in keys], t(f"screens.key.{word}", lang)])
            for keys, word in pairs
        ],
        className="qf",
    )


def events(model: Model) -> Component:
    lang = model.lang
    args = model.page.args
    work = LiveList(
        id="work", variant="desk", address=True, pick=True, show=args.get("show") or "all",
        filter={k: [p for p in args.get(k, "").split(",") if p] for k in ("urgency", "flow", "topic")},
        sort="new" if args.get("sort") == "new" else "due",
    )  # fmt: skip
    picked = html.Div(id="many", className="many", role="toolbar", **{"aria-label": t("many.bar", lang)})
    views = saved.row(model.views, model.page, model.who, exporting.button(model, "queue", chip=True))
    queue = html.Section(
        [
            *(_tabs(model), _filters(lang), *_topics(model), views),
            *(*parts.fault(model, "rows"), work, picked, _key_help(lang)),
        ],
        className="col que",
        **{"aria-label": t("screens.ev.list", lang)},
    )
    return frame(model, "events", html.Div([queue, _map(model), detail_aside(model, hint=True)], className="main evs"))


# ---------------------------------------------------------------- alarms


def alarm_list(model: Model) -> Component:
    side = detail_aside(model, hint=True)
    return frame(model, "alarms", html.Div([alarms.listed(model), side], className="main alm"))


def alarm_rule_editor(model: Model) -> Component:
    return frame(model, "alarms", alarms.rules(model))


def fence_editor(model: Model) -> Component:
    box = parts.map_box(model, [parts.layer_panel(model)], "desk")
    return frame(model, "alarms", html.Div([fences.panel(model), box], className="main evs fnc"))


# ---------------------------------------------------------------- supervision


def supervision(model: Model) -> Component:
    return frame(model, "supervision", supervise.page(model))


# ---------------------------------------------------------------- data


def _totals(model: Model) -> Component:
    keys = ("camera", "sensor", "grid_cell", "resource")
    cells = [
        html.Div(
            [
                html.Dt(t(f"screens.device.{k}", model.lang)),
                html.Dd(fmt.number(model.counts.devices.get(k)), className="num"),
            ]
        )
        for k in keys
        if k in model.counts.devices
    ]
    return html.Dl(cells, className="tots")


def check_list(checks: Sequence[Mapping[str, Any]], lang: str) -> Component:
    """Lines of `ioc doctor`. What is wrong is bright and says what to do."""
    rows: list[Any] = []
    for check in checks:
        good = check.get("state") == "ok"
        head = str(check.get(lang) or check.get("zh") or "")
        tail = t("screens.data.ok", lang) if good else str(check.get(f"advice_{lang}") or check.get("advice_zh") or "")
        words = [
            html.B(head, className="" if good else "bad", title=head),
            html.Em(tail, className="ellip", title=tail),
        ]
        rows.append(html.Li([icon("check" if good else "warn"), *words]))
    return html.Ul(rows, className="chk", **{"data-volatile": "1"})


def data(model: Model) -> Component:
    """The data page: sources, or (`tab=`) what goes out, or the centres of the level below."""
    lang = model.lang
    head = data_tabs.head(model, "")
    tab = data_tabs.body(model)
    if tab is not None:
        return frame(model, "data", html.Div(tab, className="main two one"))
    table = html.Div(
        [*parts.fault(model, "sources"), panels.source_table(model.sources, model.view)],
        id="src-table",
        className="scroll",
        **{"data-scrolls": "1"},
    )
    side = html.Aside(
        [
            html.Div(html.H2(t("screens.data.totals", lang)), className="ph2"),
            html.Div(
                [
                    _totals(model),
                    html.Section(
                        [html.H3(t("screens.data.doctor", lang)), check_list(model.doctor, lang)], className="sec2"
                    ),
                    *_geography(model),
                ],
                className="scroll",
                **{"data-scrolls": "1"},
            ),
        ],
        className="col r",
    )
    return frame(model, "data", html.Div([html.Section([head, table], className="col"), side], className="main two"))


def _geography(model: Model) -> list[Component]:
    """Where published base numbers and the data differ, and whose data the geography is made from."""
    centre, lang = model.centre, model.lang
    blocks = (
        (t("screens.data.notes", lang), [note(lang) for note in centre.notes]),
        (t("screens.data.credits", lang), list(centre.credits)),
    )
    return [
        html.Section([html.H3(title), html.Ul([html.Li(line) for line in lines], className="plain")], className="sec2")
        for title, lines in blocks
        if lines
    ]


# ---------------------------------------------------------------- settings and password


def _field(name: str, label: str, **attrs: Any) -> Component:
    box = html.Div(dcc.Input(id=f"f-{name}", name=name, type="text", **attrs), className="in")
    return html.Div([html.Label(label, htmlFor=f"f-{name}"), box], className="fd")


def _wall_form(model: Model) -> Component:
    lang = model.lang
    root = [html.Option(t("screens.set.whole", lang), value="")]
    options = [*root, *[html.Option(ref.name, value=ref.code) for ref in model.children]]
    region = html.Div(
        [
            html.Label(t("screens.set.region", lang), htmlFor="f-region"),
            html.Div(html.Select(options, id="f-region", name="region"), className="in"),
        ],
        className="fd",
    )
    return html.Form(
        [
            _field(
                "code",
                t("screens.set.code", lang),
                autoComplete="off",
                required=True,
                maxLength=9,
                className="num up",
                placeholder="7K4-Q2M",
            ),
            _field("name", t("screens.set.name", lang), autoComplete="off", required=True, maxLength=60),
            region,
            html.Button(t("screens.set.enrol", lang), type="submit", className="btn p l"),
            html.P("", className="said", role="status"),
        ],
        className="wf",
        **{"data-wall-confirm": "1"},
    )


def settings(model: Model) -> Component:
    lang, who = model.lang, model.who
    may = who is not None and who.can("wall.confirm")
    if may:
        words = {
            k: t(f"screens.set.{k}", lang) for k in ("none", "revoke", "revoked", "active", "done", "bad", "whole")
        }
        heads = [t(f"screens.set.{k}", lang) for k in ("name", "state", "region", "made", "renewed")] + [""]
        table = html.Table(
            [html.Thead(html.Tr([html.Th(h) for h in heads])), html.Tbody([], id="walls")], className="tbl"
        )
        attrs = {f"data-w-{k}": v for k, v in words.items()} | {"data-zone": model.view.zone.key}
        walls: list[Any] = [
            html.P(t("screens.set.walls_why", lang), className="sec"),
            _wall_form(model),
            html.Div(table, className="wl", **attrs),
        ]
    else:
        walls = [html.P(t("screens.set.no_right", lang), className="sec")]
    account: list[Any] = []
    if who is not None:
        account = [
            html.P([html.B(who.name), " ", html.Span(who.role(lang), className="mut")]),
            html.A(
                [icon("key"), t("screens.who.password", lang)], href=model.page.href("/desk/password"), className="btn"
            ),
        ]
    left = html.Section(
        [html.Div(html.H2(t("screens.set.walls", lang)), className="ph2"), html.Div(walls, className="pad")],
        className="col",
    )
    right = html.Aside(
        [html.Div(html.H2(t("screens.set.account", lang)), className="ph2"), html.Div(account, className="pad")],
        className="col r",
    )
    return frame(model, "settings", html.Div([left, right], className="main two"))
