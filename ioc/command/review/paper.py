"""The after-action report as a document: HTML a person reads and prints, and of which the PDF is made. Pure.

Both come from the same text; nothing in it depends on when or for whom it is made but the language and what of earlier
incidents the reader may see. Everything is escaped by `markupsafe`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ioc.command.record import moment
from ioc.command.review import svg
from ioc.command.review.assemble import NEVER
from ioc.command.review.figures import LOSSES
from ioc.command.review.style import STYLE
from ioc.i18n import catalogue, t

Json = Mapping[str, Any]
PEOPLE_MOST = 60  # addressees of one notice told one by one


@dataclass(frozen=True)
class Paper:
    """One report in one language. `report`, `review`: of `Reviews.report`; `zone`: of the centre."""

    report: Json
    review: Json
    centre: str
    zone: dt.tzinfo
    lang: str

    def w(self, key: str, **values: object) -> str:
        return t(f"aar.{key}", self.lang, **values)

    def word(self, both: Any) -> str:
        if not both:
            return ""
        return str(both.get(self.lang) or both.get("zh") or "")

    def when(self, value: Any, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        at = moment(value)
        return at.astimezone(self.zone).strftime(form) if at else ""

    def short(self, value: Any) -> str:
        """Time of day, with the day where it is not that of 接报."""
        at, opened = moment(value), moment(self.report["opened_at"])
        if at is None:
            return ""
        local = at.astimezone(self.zone)
        same = opened is not None and local.date() == opened.astimezone(self.zone).date()
        return local.strftime("%H:%M:%S" if same else "%m-%d %H:%M:%S")

    def span(self, seconds: int | None) -> str:
        """12 分 30 秒, 2 小时 5 分, 3 天 4 小时; what nobody recorded says so."""
        if seconds is None:
            return self.w("unrecorded")
        minutes, secs = divmod(int(seconds), 60)
        if minutes < 60:
            return self.w("unit.minutes", m=minutes, s=secs)
        hours, mins = divmod(minutes, 60)
        return self.w("unit.hours", h=hours, m=mins) if hours < 48 else self.w("unit.days", d=hours // 24, h=hours % 24)

    def said(self, head: str, text: str) -> str:
        """`头：文` or `Head: text`."""
        return f"{head}{'：' if self.lang == 'zh' else ': '}{text}" if text else head

    @property
    def stamps(self) -> list[str]:
        return [
            self.w(k)
            for k, on in (("exercise", self.report["exercise"]), ("demo", self.report["origin"] == "demo"))
            if on
        ]


def html(paper: Paper) -> str:
    """The whole document."""
    title = f"{paper.w('title')} · {paper.report['number']} {paper.report['title']}"
    return str(Markup(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title><style>{}</style></head>'
        '<body>{}</body></html>'
    ).format("zh-CN" if paper.lang == "zh" else "en", title, Markup(STYLE), body(paper)))  # fmt: skip  # noqa: S704 our own style


def body(paper: Paper) -> Markup:
    parts = [_head(paper)]
    number = 0
    for key, section in SECTIONS:
        inside = section(paper)
        if inside:
            number += 1
            head = Markup('<h2 id="s-{}"><span>{}</span>{}</h2>').format(key, number, paper.w(f"s.{key}"))
            parts.append(Markup('<section class="s-{}">{}{}</section>').format(key, head, inside))
    parts.append(_tail(paper))
    return Markup('<main class="paper">{}</main>').format(_all(parts))


def _all(parts: Iterable[Markup | str]) -> Markup:
    return Markup("").join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], css: str = "") -> Markup:
    """Cells are texts or markup; a head that is empty has no row of its own."""
    top = (
        Markup("<thead><tr>{}</tr></thead>").format(_all(Markup("<th>{}</th>").format(h) for h in head)) if head else ""
    )
    lines = _all(Markup("<tr>{}</tr>").format(_all(Markup("<td>{}</td>").format(c) for c in row)) for row in rows)
    return Markup('<table class="{}">{}<tbody>{}</tbody></table>').format(css, top, lines)


def _p(text: str, css: str = "") -> Markup:
    return Markup('<p class="{}">{}</p>').format(css, text)


def _small(text: str) -> Markup:
    return Markup("<small>{}</small>").format(text) if text else Markup("")


def _round(text: str) -> str:
    return f"（{text}）" if text else ""


def _bad(text: str, bad: bool) -> Markup:
    return Markup('<b class="bad">{}</b>').format(text) if bad else Markup("{}").format(text)


# ---------------------------------------------------------------- head and tail


def _head(p: Paper) -> Markup:
    r = p.report
    flags = _all(Markup('<span class="flag">{}</span>').format(s) for s in p.stamps)
    state = Markup('<span class="state">{}</span>').format(p.word(p.review["word"]))
    made = p.w("made", at=p.when(r["made_at"]))
    return Markup(
        '<header><p class="org">{}</p><h1>{}</h1><p class="sub">{} {}</p>'
        '<p class="meta">{}{}<span>{}</span></p></header>'
    ).format(p.centre, r["title"], p.w("title"), r["number"], state, flags, made) + _figures(p)


def _figures(p: Paper) -> Markup:
    """What a reader asks first, in a row: how long, how soon, and what was late, missing, unread or left out."""
    r = p.report
    spans = {s["key"]: s["seconds"] for s in r["times"]}
    cells: list[tuple[str, str, str, bool]] = [
        (p.w("lasted"), p.span(spans.get("end")), "", False),
        (p.w("k.response"), p.span(spans.get("response")), "", False),
        (p.w("k.scene"), p.span(spans.get("scene")), "", False),
    ]
    sums, sent = r["order_sums"], r["reports"]
    if r["orders"]:
        late = sums["late"]
        cells.append((p.w("k.orders"), f"{sums['done']} / {sums['given']}", p.w("k.late", n=late) if late else "",
                      late > 0))  # fmt: skip
    if sent["terms"]:
        bad = sent["late"] + sent["missing"]
        cells.append((p.w("k.reports"), str(len(sent["terms"]) - sent["missing"]),
                      p.w("k.reports_bad", late=sent["late"], missing=sent["missing"]) if bad else p.w("kept"),
                      bad > 0))  # fmt: skip
    if r["notices"]:
        total, read = (sum(n[k] for n in r["notices"]) for k in ("total", "read"))
        cells.append((p.w("k.read"), f"{read} / {total}", p.w("k.unread", n=total - read), read < total))
    if r["plans"]:
        off = sum(x["deviations"] for x in r["plans"])
        steps = sum(len(x["steps"]) for x in r["plans"])
        cells.append((p.w("k.plan"), p.w("k.steps", n=steps), p.w("k.deviations", n=off), off > 0))
    cell = Markup('<div><span>{}</span><b>{}</b><i class="{}">{}</i></div>')
    return Markup('<div class="key-figures">{}</div>').format(
        _all(cell.format(name, value, "bad" if bad else "", note) for name, value, note, bad in cells)
    )


def _tail(p: Paper) -> Markup:
    v = p.review
    by = v["drafted_by"]
    lines = [p.w("drafted_by", by=by, at=p.when(v["drafted_at"])) if by else p.w("made_by", at=p.when(v["drafted_at"]))]
    if v["submitted_at"]:
        lines.append(p.w("submitted", by=v["submitted_by"], at=p.when(v["submitted_at"])))
    if v["closed_at"]:
        lines.append(p.w("closed", by=v["closed_by"], at=p.when(v["closed_at"])))
    lines.append(p.w("digest", digest=v["digest"]) if v["digest"] else p.w("draft"))
    return Markup("<footer>{}</footer>").format(_all(_p(line) for line in lines))


# ---------------------------------------------------------------- sections


def _brief(p: Paper) -> Markup:
    r = p.report
    lasted = next((s["seconds"] for s in r["times"] if s["key"] == "end"), None)
    ended = r["ended"] or {}
    level = (r["level"] or {}).get("roman", "")
    posts = [
        f"{p.word(x['title'])} {x['person']}{_round(x['department'])}"
        f" {p.short(x['from_at'])}–{p.short(x['to_at'])}" for x in r["posts"]
    ]  # fmt: skip
    place = " ".join(str(x) for x in (r["place"], r["address"]) if x)
    where = f"{place}  {r['lon']:.5f}, {r['lat']:.5f}" if r["lon"] is not None else place
    facts = [
        ("number", r["number"]), ("class", " / ".join(x for x in (p.word(r["class"]), p.word(r["type"])) if x)),
        ("level", t(f"screens.level.{r['level']['value']}", p.lang) if level else p.w("unrecorded")),
        ("place", where), ("opened", p.when(r["opened_at"])), ("ended", p.when(r["closed_at"])),
        ("lasted", p.span(lasted)),
        ("how", p.said(p.w(f"end.{ended.get('how') or 'ended'}"), str(ended.get("reason") or ""))),
        ("posts", _all(Markup("<div>{}</div>").format(x) for x in posts) or p.w("unrecorded")),
        *([("description", r["description"])] if r["description"] else []),
    ]  # fmt: skip
    rows = [(Markup("<b>{}</b>").format(p.w(k)), v) for k, v in facts]
    return table((), rows, "facts")


def _times(p: Paper) -> Markup:
    compare = p.report["compare"]
    rows: list[Sequence[Any]] = []
    for s in p.report["times"]:
        usual = compare["medians"].get(s["key"])
        note = p.w("entered", source=s["source"], by=s["by"]) if s["basis"] == "entered" else ""
        formula = Markup("{}{}").format(_small(p.word(s["formula"])), _small(note))
        name = Markup("<b>{}</b>{}").format(p.word(s), formula)
        rows.append((name, p.when(s["at"]), Markup("<b>{}</b>").format(p.span(s["seconds"])),
                     p.span(usual) if usual is not None else "—", _diff(p, s["seconds"], usual)))  # fmt: skip
    return table([p.w(k) for k in ("measure", "at", "took", "median", "diff")], rows, "times") + _basis(p)


def _diff(p: Paper, seconds: int | None, usual: int | None) -> Markup | str:
    if seconds is None or usual is None:
        return "—"
    if seconds == usual:
        return p.w("same")
    return _bad(p.w("slower" if seconds > usual else "faster", by=p.span(abs(seconds - usual))), seconds > usual)


def _basis(p: Paper) -> Markup:
    c = p.report["compare"]
    return _p(p.w("basis", basis=p.word(c["basis"]), n=c["count"]) if c["count"] else p.w("basis.none"), "note")


def _levels(p: Paper) -> Markup:
    rows = [(p.short(s["at"]), s["by"], Markup("{}{}{}").format(p.word(s), _small(s["text"]),
             _small(p.w("self")) if s["self"] else "")) for s in p.report["responses"]]  # fmt: skip
    return table([p.w(k) for k in ("time", "who", "what")], rows, "log") if rows else Markup("")


def _reports(p: Paper) -> Markup:
    r = p.report["reports"]
    if not r["terms"]:
        return _p(p.w("reports.none"), "note")
    rows: list[Sequence[Any]] = []
    for one in r["terms"]:
        if one["sent_at"] is None:
            said = _bad(p.w("never", by=p.span(one["late_s"])), True)
        elif one["late_s"] is None:
            said = Markup("{}").format(p.w("no_term"))
        else:
            said = (
                _bad(p.w("late", by=p.span(one["late_s"])), True) if one["late_s"] else Markup("{}").format(p.w("kept"))
            )
        sure = _small(p.w("confidence", c=one["confidence"])) if one["confidence"] else ""
        kind = f"{p.word(one)} · {p.w('by_phone' if one['how'] == 'phone' else 'written')}"
        rows.append(
            (kind, p.short(one["due_at"]) or "—", p.short(one["sent_at"]) or "—", Markup("{}{}").format(said, sure))
        )
    sent = [(p.short(d["sent_at"]), Markup("{}{}").format(d["title"], _small("、".join(_to(p, x) for x in d["to"]))),
             d["approved_by"], d["sent_by"], _proof(p, d["told"])) for d in r["documents"]]  # fmt: skip
    head = [p.w("time"), p.w("what"), t("cmd.approved", p.lang), p.w("sent"), p.w("result")]
    return table([p.w(k) for k in ("kind", "due", "sent", "result")], rows) + (
        table(head, sent) if sent else Markup("")
    )


def _to(p: Paper, ref: str) -> str:
    """An addressee by its name; a role, which is kept by its key, by its word."""
    known = catalogue().get(f"screens.role.{ref}")
    return known(p.lang) if known else ref


def _proof(p: Paper, told: Sequence[Json]) -> str:
    if not told:
        return "—"
    read = sum(x["state"] == "read" for x in told)
    delivered = sum(x["state"] in ("delivered", "read") for x in told)
    return p.w("delivery", delivered=delivered, read=read, total=len(told))


def _plan(p: Paper) -> Markup:
    if not p.report["plans"]:
        return _p(p.w("plan.none"), "note")
    out: list[Markup] = []
    for plan in p.report["plans"]:
        head = p.w("plan.head", title=plan["title"], version=plan["version"], roman=plan["roman"], by=plan["chosen_by"],
                   at=p.short(plan["started_at"]))  # fmt: skip
        sums = p.w("plan.sums", **plan["sums"], added=plan["added"], deviations=plan["deviations"])
        rows = [_plan_row(p, s) for s in plan["steps"]]
        out += [Markup("<h3>{}</h3>").format(head), _p(sums),
                table([p.w(k) for k in ("no", "step", "owner", "due", "done", "result")], rows, "plan")]  # fmt: skip
    return _all(out)


def _plan_row(p: Paper, s: Json) -> Sequence[Any]:
    owner = " · ".join(x for x in (s["department"], s["role"]) if x) or "—"
    said = p.w(f"o.{s['outcome']}", by=p.span(s["late_s"])) if s["outcome"] == "late" else p.w(f"o.{s['outcome']}")
    added = Markup(' <span class="tag">{}</span>').format(p.w("o.added")) if s["added"] else ""
    what = Markup("{}{}{}").format(s["what"], added, _small(s["reason"]))
    done = Markup("{}{}").format(p.short(s["done_at"]) or "—", _small(s["by"]))
    return (s["position"], what, owner, p.short(s["due_at"]) or "—", done, _bad(said, s["outcome"] != "done"))


def _orders(p: Paper) -> Markup:
    if not p.report["orders"]:
        return _p(p.w("orders.none"), "note")
    sums = dict(p.report["order_sums"])
    sign = sums.pop("sign_median_s")
    said = p.w("orders.sums", **sums, sign=p.span(sign) if sign is not None else "—")
    rows: list[Sequence[Any]] = []
    for o in p.report["orders"]:
        to = " · ".join(x for x in dict.fromkeys((o["to"], o["department"])) if x)
        outcome = _bad(p.word(o), o["state"] in ("unable", "withdrawn"))
        late = Markup('<br><b class="bad">{}</b>').format(p.w("late", by=p.span(o["late_s"]))) if o["late_s"] else ""
        what = Markup("{}{}{}").format(o["what"], _small(o["detail"]), _small(o["reason"] or o["result"]))
        rows.append((o["number"], what, to, Markup("{}{}").format(p.short(o["issued_at"]), _small(o["by"])),
                     p.short(o["signed_at"]) or "—", p.short(o["due_at"]) or "—", p.short(o["done_at"]) or "—",
                     Markup("{}{}").format(outcome, late)))  # fmt: skip
    head = [p.w(k) for k in ("no", "order", "order.to", "given", "signed", "due", "ended_at", "result")]
    return _p(said) + table(head, rows, "orders")


def _notices(p: Paper) -> Markup:
    if not p.report["notices"]:
        return _p(p.w("notices.none"), "note")
    out: list[Markup] = []
    ordered = [n for n in p.report["notices"] if n["kind"] == "order"]
    for n in (n for n in p.report["notices"] if n["kind"] != "order"):
        head = p.said(p.w(f"notice.{n['kind']}"), n["title"])
        rates = p.w("rates", **{k: n[k] for k in ("total", "submitted", "delivered", "read")})
        out += [Markup("<h3>{}<small>{} {}</small></h3>").format(head, p.short(n["at"]), n["by"]),
                _p("；".join(x for x in ("、".join(n["area"]), rates) if x))]  # fmt: skip
        people = sorted(n["people"], key=lambda x: (x["state"] == "read", x["name"]))
        rows = [(x["name"], " ".join(y for y in (x["place"], x["duty"]) if y), *_told(p, x))
                for x in people[:PEOPLE_MOST]]  # fmt: skip
        head4 = [p.w(k) for k in ("person", "person.place", "submitted_at", "delivered_at", "read_at")]
        out.append(table(head4, rows, "told"))
        if len(people) > PEOPLE_MOST:
            out.append(_p(p.w("more_people", n=len(people) - PEOPLE_MOST), "note"))
        if n["unread"]:
            names = "、".join(n["unread"][:PEOPLE_MOST]) + ("…" if len(n["unread"]) > PEOPLE_MOST else "")
            out.append(_p(p.w("unread", n=len(n["unread"]), names=names), "bad"))
        if missed := n.get("unreached"):
            out.append(_p(p.w("unreached", n=len(missed), names="、".join(missed[:PEOPLE_MOST])), "bad"))
        if n["empty"]:
            out.append(_p(p.w("empty_places", names="、".join(n["empty"])), "note"))
    if ordered:
        rows = [(n["title"], x["name"], *_told(p, x)) for n in ordered for x in n["people"]]
        head5 = [p.w(k) for k in ("order", "person", "submitted_at", "delivered_at", "read_at")]
        out += [Markup("<h3>{}</h3>").format(p.w("notice.order")), table(head5, rows, "told")]
    return _all(out)


def _told(p: Paper, person: Json) -> tuple[Any, Any, Any]:
    """When something was submitted to a person, delivered, read; in words where it was not."""
    if person["state"] in NEVER:
        return (_bad(p.w(f"told.{person['state']}"), True), "—", "—")
    read = p.short(person["read_at"])
    return (p.short(person["submitted_at"]) or "—", p.short(person["delivered_at"]) or "—",
            read or _bad(p.w("not_read"), True))  # fmt: skip


def _source(p: Paper, fact: Json) -> str:
    return p.w("fact", as_of=p.when(fact["as_of"], "%Y-%m-%d %H:%M") or "—", source=fact["source"])


def _affected(p: Paper) -> Markup:
    out: list[Markup] = []
    for a in p.report["affected"]:
        rows = [Markup("<li>{}{}</li>").format(f["text"], _small(_source(p, f))) for f in a["facts"]]
        head = p.w("affected.by", kind=p.word(a), at=p.short(a["at"]))
        out.append(Markup("<h3>{}</h3><ul>{}</ul>").format(head, _all(rows)))
    if not out:
        out.append(_p(p.w("affected.none"), "note"))
    if p.report["on_scene"]:
        said = "；".join(f"{p.short(x['at'])} {x['people']}" for x in p.report["on_scene"])
        out.append(_p(p.w("on_scene") + said))
    return _all(out)


def _losses(p: Paper) -> Markup:
    rows: list[Sequence[Any]] = []
    for key, loss in LOSSES.items():
        found = p.report["losses"].get(key)
        if found is None:
            rows.append((loss.title(p.lang), Markup('<i class="none">{}</i>').format(p.w("unfilled")), "—", "—"))
            continue
        value = f"{found['value']:,.{loss.decimals}f} {loss.unit(p.lang)}"
        by = Markup("{}{}").format(found["by"], _small(p.when(found["at"], "%Y-%m-%d %H:%M")))
        rows.append((loss.title(p.lang), Markup("<b>{}</b>").format(value), found["source"], by))
    return table([p.w(k) for k in ("loss", "value", "source", "by")], rows)


def _compare(p: Paper) -> Markup:
    c = p.report["compare"]
    if not c["count"]:
        return _basis(p)
    spans = p.report["times"]
    head = [p.w("what"), *(p.word(s) for s in spans)]

    def line(name: Any, get: Callable[[str], int | None]) -> Sequence[Any]:
        return (name, *(p.span(v) if (v := get(s["key"])) is not None else "—" for s in spans))

    here = {s["key"]: s["seconds"] for s in spans}
    rows = [line(Markup("<b>{}</b>").format(p.w("this")), here.get),
            line(Markup("<b>{}</b>").format(p.w("median_of", n=c["count"])), c["medians"].get),
            *(line(Markup("{}{}").format(r["title"], _small(f"{r['number']} {p.when(r['opened_at'], '%Y-%m-%d')}")),
                   r["seconds"].get) for r in c["rows"])]  # fmt: skip
    hidden = _p(p.w("hidden", n=c["hidden"]), "note") if c.get("hidden") else Markup("")
    return table(head, rows, "compare") + _basis(p) + hidden


def _lessons(p: Paper) -> Markup:
    if not p.report["lessons"]:
        return _p(p.w("lessons.none"), "note")
    rows: list[Sequence[Any]] = []
    for n, x in enumerate(p.report["lessons"], 1):
        owner = " · ".join(y for y in (x["department"], x["person"]) if y)
        rows.append((n, x["text"], owner or p.w("no_owner"), x["due_on"] or "—"))
    return table([p.w(k) for k in ("no", "lesson", "owner", "due_on")], rows, "lessons")


def _conclusion(p: Paper) -> Markup:
    text = p.report["conclusion"]
    if not text:
        return _p(p.w("unfilled"), "none")
    return _all(_p(line) for line in text.splitlines() if line.strip())


def _timeline(p: Paper) -> Markup:
    if not p.report["timeline"]:
        return _p(p.w("timeline.none"), "note")
    rows: list[Sequence[Any]] = []
    for e in p.report["timeline"]:
        said = p.said(p.word(e), e["text"])
        what = Markup('<span class="{}">{}</span>').format("old" if e["corrected_by"] else "", said)
        if e["corrected_by"]:
            what += _small(p.w("corrected", no=e["corrected_by"]))
        at = p.short(e["happened_at"] or e["at"])
        shown = Markup('<b class="key">{}</b>').format(at) if e["matters"] else at
        rows.append((e["no"], shown, e["by"], what))
    return table([p.w(k) for k in ("no", "time", "who", "what")], rows, "log")


# ---------------------------------------------------------------- maps


def _maps(p: Paper) -> Markup:
    maps = p.report["maps"]
    if not maps:
        return _p(p.w("maps.none"), "note")
    figures = [_map(p, maps, m) for m in maps["moments"]]
    return _p(p.w("maps.note"), "note") + _legend(p) + _all(figures)


def _map(p: Paper, maps: Json, shown: Json) -> Markup:
    frame, layers = svg.Frame(**maps["frame"]), shown["layers"]
    has = [p.w(f"map.base.{k}") for k in maps["base"]["has"]] or [p.w("map.base.none")]
    at, why = p.when(shown["at"]), p.word(shown["why"])
    words = {
        "time": at, "why": why, "north": p.w("map.north"), "stamps": p.stamps,
        "label": p.w("map.label", at=at, why=why),
        "note": p.w("map.projection", srid=frame.srid, base="、".join(has) if p.lang == "zh" else ", ".join(has)),
    }  # fmt: skip
    marks = [{**m, "word": p.word(m)} for m in layers["marks"]]
    picture = svg.drawn(frame, maps["base"], {**layers, "marks": marks}, words)
    inside = Markup(picture)  # noqa: S704 drawn by ioc.command.review.svg, which escapes
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(inside, _caption(p, shown))


def _caption(p: Paper, shown: Json) -> str:
    layers, known = shown["layers"], shown["known"]
    there = sum(f["status"] == "on_scene" for f in layers["forces"])
    said = [p.w("map.forces", n=len(layers["forces"]), there=there)]
    frame = svg.Frame(**p.report["maps"]["frame"])
    if off := sum(not frame.holds(f["lon"], f["lat"]) for f in layers["forces"]):
        said.append(p.w("map.off", n=off))
    said += [p.w(f"map.{k}", n=len(layers[k])) for k in ("marks", "closures", "warnings") if layers[k]]
    said += [p.w(f"map.{k}", n=known[k]) for k in ("open", "people") if known.get(k) is not None]
    return " · ".join(said)


def _legend(p: Paper) -> Markup:
    blue, red = svg.BLUE, svg.RED
    level = int((p.report["level"] or {}).get("value") or 0)
    box = '<rect x="3" y="3" width="12" height="12" fill="{}" stroke="{}" stroke-width="2"/>'
    signs = {
        "incident": f'<g transform="scale(0.75)">{svg.level_sign(level, False)}</g>',
        "bound": box.format("#FFFFFF", blue),
        "en_route": box.format("#FFFFFF", blue) + f'<rect x="3" y="9" width="12" height="6" fill="{blue}"/>',
        "on_scene": box.format(blue, blue),
        "hot": f'<path d="M2 4H16V14H2Z" fill="{red}" fill-opacity="0.12" stroke="{red}" stroke-width="2"/>',
        "mark": f'<path d="M9 2L16 9L9 16L2 9Z" fill="#FFFFFF" stroke="{blue}" stroke-width="2"/>',
        "closure": f'<path d="M1 9H17" stroke="{red}" stroke-width="4" stroke-dasharray="3 3"/>',
        "warning": '<path d="M2 4H16V14H2Z" fill="none" stroke="#55626E" stroke-width="1.5" stroke-dasharray="4 2"/>',
    }  # fmt: skip
    frame = Markup(
        '<span><svg xmlns="http://www.w3.org/2000/svg" width="18" height="18" viewBox="0 0 18 18">{}</svg>{}</span>'
    )
    items = [frame.format(Markup(sign), p.w(f"legend.{key}")) for key, sign in signs.items()]  # noqa: S704 constants
    return Markup('<p class="legend">{}</p>').format(_all(items))


SECTIONS: Sequence[tuple[str, Callable[[Paper], Markup]]] = (
    ("brief", _brief), ("conclusion", _conclusion), ("times", _times), ("losses", _losses), ("levels", _levels),
    ("reports", _reports), ("plan", _plan), ("orders", _orders), ("notices", _notices), ("affected", _affected),
    ("compare", _compare), ("lessons", _lessons), ("maps", _maps), ("timeline", _timeline),
)  # fmt: skip
