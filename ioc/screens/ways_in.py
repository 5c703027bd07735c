"""Ways in: sign-in, change of password, wall enrolment, and why there is no way. Plain HTML, no Dash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.i18n import catalogue, t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.html import Tag
from ioc.screens.marks import icon
from ioc.screens.state import PageState, View

SIGN_IN = "/api/v1/auth/sign-in"
SIGN_OUT = "/api/v1/auth/sign-out"
PASSWORD_MIN = 10


@dataclass(frozen=True, slots=True)
class Front:
    """What a page may say before anybody has signed in: the centre's name, nothing about its data."""

    title: str
    version: str
    demo: bool
    demo_users: Sequence[Mapping[str, Any]] = ()
    lockout_failures: int = 5
    lockout_minutes: int = 15
    outline: str = ""


def _input(name: str, **attrs: Any) -> Tag:
    return Tag("input", attrs={"id": f"f-{name}", "name": name, **attrs})


def _field(name: str, label: str, side: Any = None, extra: Any = None, **attrs: Any) -> Component:
    box = html.Div([_input(name, **attrs), *([extra] if extra is not None else [])], className="in")
    head = html.Label([html.Span(label), *([side] if side is not None else [])], htmlFor=f"f-{name}")
    return html.Div([head, box], className="fd")


def lang_switch(page: PageState) -> Component:
    """Two links; the sign-in page needs no script to change its language."""
    links: list[Any] = []
    for lang, word in (("zh", "中"), ("en", "EN")):
        on: dict[str, Any] = {"aria-current": "true", "className": "on"} if lang == page.lang else {}
        query = {k: v for k, v in page.args.items() if k in ("next", "e", "left", "until")}
        href = PageState(page.path, page.surface, page.lang, page.theme, args={"lang": lang}).href(page.path, **query)
        links.append(html.A(word, href=href, lang=lang, **on))
    return html.Span(links, className="seg")


def sign_in_fault(page: PageState, front: Front, view: View) -> tuple[str, str] | None:
    """(what happened, what to do) from the reason in the page's URL."""
    lang, code = page.lang, page.args.get("e", "")
    if code == "bad":
        left = page.args.get("left", "")
        head = t("screens.in.wrong", lang)
        if left.isdigit():
            head = f"{head}{'，' if lang == 'zh' else '; '}{t('screens.in.left', lang, n=int(left))}"
        return head, t("screens.in.rule", lang, n=front.lockout_failures, m=front.lockout_minutes)
    if code == "locked":
        until = fmt.when(page.args.get("until"))
        minutes = max(1, round((until - view.now).total_seconds() / 60)) if until else front.lockout_minutes
        return t("screens.in.locked", lang), t("screens.in.locked_why", lang, m=minutes)
    known = {"often": "many", "down": "down", "input": "input", "idle": "idle"}
    return (t(f"screens.in.{known[code]}", lang), "") if code in known else None


def _alert(fault: tuple[str, str] | None) -> list[Any]:
    if fault is None:
        return []
    head, why = fault
    words = [html.B(head), *([html.Br(), html.Span(why, className="sec")] if why else [])]
    return [html.P([icon("warn"), html.Span(words)], className="err", role="alert")]


def _demo_box(front: Front, lang: str) -> list[Any]:
    """Logins of the demo city, while it is loaded; their passwords only while the server answers on loopback alone."""
    if not front.demo_users:
        return []
    rows: list[Any] = []
    for user in front.demo_users[:6]:
        login, secret = str(user.get("login") or ""), str(user.get("password") or "")
        role = (
            t(f"screens.role.{user['role']}", lang)
            if f"screens.role.{user.get('role')}" in catalogue()
            else str(user.get("role_title") or "")
        )
        last = html.Em(secret or str(user.get("name") or ""), className="num ellip" if secret else "ellip")
        attrs = {"data-login": login, "data-password": secret, "tabIndex": 0}
        rows.append(
            html.Li([html.Span(role, className="ellip"), html.Span(login, className="num ellip"), last], **attrs)
        )
    shown = any(user.get("password") for user in front.demo_users)
    head = html.H3([t("screens.in.demo", lang), html.Span(t("screens.in.demo_side", lang))])
    return [
        html.Div(
            [head, html.Ul(rows), html.P(t("screens.in.demo_fill" if shown else "screens.in.demo_why", lang))],
            className="dm",
        )
    ]


def _side(front: Front, lang: str) -> Component:
    demo = [html.Span(t("screens.demo", lang), className="demo")] if front.demo else []
    words = html.Div([html.H1(front.title), html.P([t("screens.in.motto", lang), *demo])], className="bt")
    return html.Section([html.Div(className="lattice", **{"aria-hidden": "true"}), words], className="face")


def sign_in(page: PageState, front: Front, view: View) -> Component:
    lang = page.lang
    fault = sign_in_fault(page, front, view)
    caps = html.Span(t("screens.in.caps", lang), className="mut", id="caps", hidden=True)
    show = Tag(
        "button",
        t("screens.in.show", lang),
        {"type": "button", "class": "shw", "data-show": "f-password", "data-hide-word": t("screens.in.hide", lang)},
    )
    fields = [
        _field(
            "login",
            t("screens.in.login", lang),
            autocomplete="username",
            required=True,
            autofocus=True,
            maxlength="64",
            spellcheck="false",
        ),
        _field(
            "password",
            t("screens.in.password", lang),
            caps,
            show,
            type="password",
            autocomplete="current-password",
            required=True,
            maxlength="256",
        ),
        _input("next", type="hidden", value=page.args.get("next", "/desk")),
    ]
    button = html.Button(t("screens.in.go", lang), type="submit", className="b p")
    form = html.Form([*fields, *_alert(fault), button], action=SIGN_IN, method="POST")
    foot = html.Div([html.Span(t("screens.in.note", lang)), html.Span(f"v{front.version}")], className="ft num")
    right = html.Section(
        [
            lang_switch(page),
            html.Div([html.H2(t("screens.in.title", lang)), form, *_demo_box(front, lang)], className="bx"),
            foot,
        ],
        className="fm",
    )
    return html.Main([_side(front, lang), right], className="si")


def password(page: PageState, front: Front, must: bool) -> Component:
    """Change one's own password. The faults of the answer are written under the fields (assets/pages.js)."""
    lang = page.lang
    lead = [html.P(t("screens.pw.must", lang), className="sec lead2")] if must else []
    fields = [
        _field(
            "old",
            t("screens.pw.old", lang),
            type="password",
            autocomplete="current-password",
            required=True,
            maxlength="256",
            autofocus=True,
        ),
        _field(
            "new",
            t("screens.pw.new", lang),
            type="password",
            autocomplete="new-password",
            required=True,
            maxlength="256",
        ),
        _field(
            "again",
            t("screens.pw.again", lang),
            type="password",
            autocomplete="new-password",
            required=True,
            maxlength="256",
        ),
    ]
    rule = html.P(t("screens.pw.rule", lang, n=PASSWORD_MIN), className="mut rule")
    said = html.P("", className="err", role="alert", hidden=True)
    words = {
        f"data-w-{k}": t(f"screens.pw.{w}", lang)
        for k, w in (("again", "err.again"), ("done", "done"), ("other", "err.other"))
    }
    form = Tag(
        "form",
        [*fields, rule, said, html.Button(t("screens.pw.go", lang), type="submit", className="b p")],
        {"data-password": "1", **words},
    )
    back = html.A(t("screens.err.home", lang), href=page.href("/desk"), className="link")
    right = html.Section(
        [html.Div([html.H2(t("screens.pw.title", lang)), *lead, form, *([] if must else [back])], className="bx")],
        className="fm",
    )
    return html.Main([_side(front, lang), right], className="si")


def enrol(page: PageState, front: Front, view: View, address: str) -> Component:
    """The code of an unenrolled wall. assets/pages.js fills in code, countdown and facts and asks for news."""
    lang = page.lang
    demo = [html.Span(t("screens.demo", lang), className="demo")] if front.demo else []
    top = html.Header(
        [
            html.Span(fmt.day(view), **{"data-date": "1"}),
            html.H1(front.title),
            html.Span(
                [
                    *demo,
                    html.Span(
                        fmt.clock(view.now, view, True), className="clock num", **{"data-clock": fmt.iso(view.now)}
                    ),
                ],
                className="rt",
            ),
        ]
    )
    cells = [html.B("", **{"data-cell": str(i)}) for i in range(6)]
    spoken = {"aria-live": "polite", "data-volatile": "1"}
    code = html.Div([*cells[:3], html.I(), *cells[3:]], className="n num", **spoken)
    left = html.Div(
        [
            html.I(html.I(className="bar")),
            html.B("", className="num", **{"data-left": "1", "data-volatile": "1"}),
            html.Span(t("screens.wall.renew", lang)),
        ],
        className="ex",
        hidden=True,
    )
    wait = html.P([html.Span(t("screens.wall.wait", lang))], className="wt")
    card = html.Div([html.P(t("screens.wall.code", lang)), code, left, wait], className="cd")
    steps = html.Ul(
        [
            html.Li(
                [
                    html.B(str(i), className="num"),
                    html.Span([t(f"screens.wall.s{i}", lang), html.Small(t(f"screens.wall.s{i}b", lang))]),
                ]
            )
            for i in (1, 2, 3)
        ],
        className="st",
    )
    facts = [
        ("size", "data-size", ""),
        ("ratio", "data-ratio", ""),
        ("address", "data-address", address),
        ("fingerprint", "data-fp", ""),
    ]
    foot = html.Footer(
        [
            *[
                html.Span([t(f"screens.wall.{key}", lang), " ", html.B(value, **{attr: "1", "data-volatile": "1"})])
                for key, attr, value in facts
            ],
            html.Span(
                t("screens.wall.ok", lang),
                className="end",
                **{"data-state": "1", "data-bad": t("screens.wall.bad", lang)},
            ),
        ],
        className="num",
    )
    return html.Main(
        [top, html.Section([card, steps], className="md"), foot],
        className="en",
        **{"data-enrol": "1", "data-zone": view.zone.key},
    )


def fault_page(page: PageState, title: str, why: str, retry_s: int = 0) -> Component:
    """404, 403, 503: what happened and the way back. With `retry_s` the page asks again by itself."""
    attrs = {"data-retry": str(retry_s)} if retry_s else {}
    home = (
        []
        if page.surface == "embed"
        else [html.A(t("screens.err.home", page.lang), href=page.href("/desk"), className="btn")]
    )
    body = [icon("warn"), html.H1(title), html.P(why, className="sec"), *home]
    return html.Main(html.Div(body, className="fp"), className="fault", **attrs)
