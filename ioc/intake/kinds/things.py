"""Emergency resources, and the features of a thematic layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from ioc.command.carried import carried
from ioc.dictionaries import Dictionary
from ioc.errors import Invalid
from ioc.intake import fields
from ioc.intake.columns import LAYER, RESOURCES
from ioc.intake.event_input import Reader
from ioc.intake.kinds import Context, Kind, LayerOptions, Values
from ioc.intake.reasons import reason
from ioc.store.history import record_entity
from ioc.store.merge import Target
from ioc.store.pool import Conn

RESOURCE = Target(
    table="resource",
    id="resource_id",
    key=("source", "external_id"),
    columns={
        "source": "text",
        "external_id": "text",
        "kind": "text",
        "name": "text",
        "h3_10": "bigint",
        "x_orig": "float8",
        "y_orig": "float8",
        "crs_orig": "text",
        "address": "text",
        "region_id": "int",
        "owner_department": "text",
        "contact": "text",
        "capacity": "jsonb",
        "status": "text",
        "observed_at": "timestamptz",
        "private_to": "text",
        "sensitivity": "smallint",
        "search": "text",
        "attributes": "jsonb",
        "carried": "jsonb",
        "people": "int",
        "vehicle_class": "text",
    },
    # a file knows nothing of what is out on an incident now
    keeps={"status": "CASE WHEN t.case_id IS NULL THEN excluded.status ELSE t.status END"},
)
FEATURE = Target(
    table="thematic_feature",
    id="feature_id",
    key=("layer_id", "external_id"),
    columns={
        "layer_id": "int",
        "external_id": "text",
        "name": "text",
        "region_id": "int",
        "private_to": "text",
        "sensitivity": "smallint",
        "attributes": "jsonb",
        "search": "text",
    },
    shape="any",
    lazy=True,
)
BASE_ROLES = ("sea", "land", "water", "river", "highway", "road", "rail", "place", "outside")


def check_resource(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    text = fields.text
    kind = r.required("kind", lambda v: context.words.find("resource_kind", text(v, 100)))
    name = r.required("name", lambda v: text(v, 200))
    external_id = r.optional("external_id", lambda v: text(v, 200), "") or name
    officer = r.optional("officer", lambda v: text(v, 100), "")
    phone = r.optional("phone", lambda v: fields.mask_phone(text(v, 100)), "")
    out: Values = {
        "source": context.source,
        "external_id": external_id,
        "name": name,
        "address": r.optional("address", lambda v: text(v, 500), ""),
        "owner_department": r.optional("department", _text, None),
        "contact": " ".join(p for p in (officer, phone) if p),
        "capacity": _capacity(r),
        "status": r.optional("status", lambda v: _status(v, context), "available"),
        "carried": r.optional("carried", lambda v: carried(text(v, 4000)), []),
        "people": r.optional("people", lambda v: fields.integer(v, 0, 1_000_000), None),
        "vehicle_class": r.optional(
            "vehicle_class", lambda v: context.words.find("vehicle_class", text(v, 100)).code, ""
        ),
        "observed_at": r.optional("observed_at", lambda v: fields.time(v, context.rules), None),
        "private_to": r.optional("private_to", _text, None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
    }
    if r.reasons or kind is None:
        return None
    out["kind"] = kind.code
    out["attributes"] = extra
    out["search"] = " ".join(p for p in (name or "", external_id or "", out["address"]) if p)
    return out


def _status(value: Any, context: Context) -> str:
    """Our word for it; a city's own stays as it is written."""
    word = fields.text(value, 50)
    found = context.words.tables.get("resource_status", Dictionary([])).find(word)
    return found.code if found else word


def _text(value: Any) -> str | None:
    return fields.text(value, 100)


def _capacity(r: Reader) -> dict[str, Any]:
    """A number where it is one, else as written (约 200 人)."""
    value = r.optional("capacity", lambda v: fields.text(v, 100), "")
    if not value:
        return {}
    try:
        return {"value": fields.number(value)}
    except fields.Refuse:
        return {"text": value}


def resource_columns(context: Context) -> Sequence[str]:
    always = ("source", "external_id", "kind", "name", "h3_10", "x_orig", "y_orig", "crs_orig", "region_id", "search")
    named = {"department": "owner_department"}
    optional = ("address", "department", "capacity", "status", "observed_at", "private_to", "sensitivity", "carried",
                "people", "vehicle_class")  # fmt: skip
    given = [named.get(n, n) for n in optional if n in context.present]
    contact = ["contact"] if context.present & {"officer", "phone"} else []
    return (*always, "attributes", *given, *contact)


def check_feature(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    name = r.optional("name", lambda v: fields.text(v, 200), "")
    out: Values = {
        "layer_id": context.layer_id,
        "external_id": r.optional("external_id", lambda v: fields.text(v, 200), "") or f"#{r.record['row']}",
        "name": name,
        "private_to": context.layer.private_to,
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), context.layer.sensitivity),
        "attributes": extra,
        "search": name,
    }
    return None if r.reasons else out


def feature_columns(context: Context) -> Sequence[str]:
    return ("layer_id", "external_id", "name", "region_id", "private_to", "sensitivity", "attributes", "search")


def check_options(options: LayerOptions) -> None:
    """Raises Invalid for a layer without a name, or with a wrong role or sensitivity."""
    reasons = [reason(n, "missing_field") for n in ("key", "title") if not getattr(options, n)]
    if options.base_role is not None and options.base_role not in BASE_ROLES:
        reasons.append(reason("base_role", "bad_choice", options.base_role, choices=", ".join(BASE_ROLES)))
    if options.sensitivity not in (0, 1, 2):
        reasons.append(reason("sensitivity", "out_of_range", options.sensitivity, low=0, high=2))
    if reasons:
        raise Invalid(reasons=reasons)


def begin_layer(conn: Conn, context: Context) -> None:
    """The layer's own row: made, or brought up to date. A layer keeps the geometry it began with."""
    o = context.layer
    values = {
        "key": o.key,
        "title": o.title,
        "title_en": o.title_en,
        "theme": o.theme,
        "geometry": context.geometry,
        "style": Jsonb(dict(o.style)),
        "base_role": o.base_role,
        "sensitivity": o.sensitivity,
        "private_to": o.private_to,
        "period": o.period,
        "source": context.source,
        "origin": context.origin,
        "now": context.rules.now,
    }
    had = conn.execute("SELECT layer_id, geometry FROM thematic_layer WHERE key = %s FOR UPDATE", (o.key,)).fetchone()
    if had is not None and had["geometry"] != context.geometry:
        raise Invalid(reasons=[reason("geometry", "wrong_geometry", o.key, got=context.geometry, want=had["geometry"])])
    row = conn.execute(
        """
        INSERT INTO thematic_layer AS t (key, title, title_en, theme, geometry, style, base_role, sensitivity,
                                         private_to, period, source, as_of, origin, updated_at)
        VALUES (%(key)s, %(title)s, %(title_en)s, %(theme)s, %(geometry)s, %(style)s, %(base_role)s, %(sensitivity)s,
                %(private_to)s, %(period)s, %(source)s, %(now)s, %(origin)s, %(now)s)
        ON CONFLICT (key) DO UPDATE SET title = excluded.title, title_en = excluded.title_en, theme = excluded.theme,
          style = t.style || excluded.style, base_role = excluded.base_role, sensitivity = excluded.sensitivity,
          private_to = excluded.private_to, period = excluded.period, as_of = excluded.as_of,
          updated_at = excluded.updated_at
        RETURNING layer_id, to_jsonb(t) AS record
        """,
        values,
    ).fetchone()
    assert row is not None
    context.layer_id = row["layer_id"]
    op = "new" if had is None else "change"
    record_entity(conn, "thematic_layer", context.layer_id, op, context.actor, context.origin, row["record"])


def finish_layer(conn: Conn, context: Context) -> None:
    conn.execute(
        "UPDATE thematic_layer t SET feature_count ="
        " (SELECT count(*) FROM thematic_feature f WHERE f.layer_id = t.layer_id) WHERE layer_id = %s",
        (context.layer_id,),
    )


RESOURCES_KIND = Kind(
    key="resources",
    fields=RESOURCES,
    place="point",
    target=RESOURCE,
    required=("name", "kind"),
    check=check_resource,
    columns=resource_columns,
    layers=lambda context: ("resource",),
    classes=("resource",),
    edition="resources",
)
LAYER_KIND = Kind(
    key="layer",
    fields=LAYER,
    place="any",
    target=FEATURE,
    required=(),
    check=check_feature,
    columns=feature_columns,
    layers=lambda context: (f"thematic-{context.layer.key}",),
    classes=("thematic",),
    finish=finish_layer,
)
