"""Dash component classes of the TypeScript bundle (frontend/ -> ioc/ui/dist). Props are described in docs/ui.md.

Each class is one line of props: the behaviour lives in frontend/src. Dash finds the script through
`ComponentRegistry`, which by default knows top-level packages only; hence the explicit registration of `ioc.ui`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, cast

from dash.development.base_component import Component, ComponentRegistry

from ioc import __version__

__all__ = [
    "COMPONENTS",
    "DIST",
    "Clock",
    "ConnStrip",
    "CountRow",
    "FreshRing",
    "Keys",
    "LangSwitch",
    "LayerPanel",
    "LiveList",
    "MapView",
    "Page",
    "SearchBox",
    "Svg",
    "ThemeSwitch",
    "Timeline",
    "bundle_built",
    "bundle_version",
]

DIST = Path(__file__).parent / "dist"
_NAMESPACE = "ioc.ui"

_js_dist: list[dict[str, Any]] = [
    {"relative_package_path": "dist/ioc_ui.js", "namespace": _NAMESPACE},
    # Served, but not put into the page: the map starts it as a module worker.
    {"relative_package_path": "dist/maplibre-gl-worker.mjs", "namespace": _NAMESPACE, "dynamic": True},
    {"relative_package_path": "dist/inter.woff2", "namespace": _NAMESPACE, "dynamic": True},
    # Loaded by ioc_ui.js itself when the first map is on the page: lists and numbers do not wait for it.
    {"relative_package_path": "dist/ioc_map.js", "namespace": _NAMESPACE, "dynamic": True},
    # The players: loaded where a live picture is shown.
    {"relative_package_path": "dist/ioc_video.js", "namespace": _NAMESPACE, "dynamic": True},
    # Drawing, loaded by the command page when somebody draws.
    {"relative_package_path": "dist/ioc_draw.js", "namespace": _NAMESPACE, "dynamic": True},
    # The officer's page and its map: plain pages name them themselves.
    {"relative_package_path": "dist/ioc_phone.js", "namespace": _NAMESPACE, "dynamic": True},
    {"relative_package_path": "dist/ioc_phone_map.js", "namespace": _NAMESPACE, "dynamic": True},
]
_css_dist: list[dict[str, Any]] = [{"relative_package_path": "dist/ioc_ui.css", "namespace": _NAMESPACE}]

cast(Any, ComponentRegistry).registry.add(_NAMESPACE)


class _Ui(Component):
    """Base: fills in what Dash's metaclass machinery expects of a hand-written component."""

    _children_props: list[str] = []  # noqa: RUF012 - Dash declares it so
    _namespace = "ioc_ui"
    _type = "Ui"
    _props: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **props: Any) -> None:
        names = ["id", "className", "style", *self._props]
        self._prop_names = names
        self._valid_wildcard_attributes = ["data-", "aria-"]
        self.available_properties = names
        self.available_wildcard_properties = ["data-", "aria-"]
        cast(Any, super()).__init__(**props)


class Page(_Ui):
    """Boots the page's singletons (clock, live client, ticker, keys, watchdog). One a page; draws nothing."""

    _type = "Page"
    _props = ("surface", "lang", "theme", "timezone", "now", "fixedNow", "region", "mode", "still", "bundle", "rows")


class MapView(_Ui):
    """The map. `config` is the dict of `Services.map_config`; `state` overrides parts of it from a callback."""

    _type = "MapView"
    _props = ("config", "state", "labels", "variant")


class LiveList(_Ui):
    """The work list, live. `rows` are records (ioc/records.py) for first paint."""

    _type = "LiveList"
    _props = ("rows", "variant", "limit", "offset", "show", "filter", "sort", "empty", "name", "address", "pick")


class CountRow(_Ui):
    """Counters of incidents and cases, live. `counts` is `Counts` as JSON for first paint."""

    _type = "CountRow"
    _props = ("counts", "variant")


class ConnStrip(_Ui):
    """State of the push connection: `strip` over the page when it is broken, `status` as the desk's status item."""

    _type = "ConnStrip"
    _props = ("variant",)


class Clock(_Ui):
    """Server time in the centre's zone. `format`: time, date or datetime."""

    _type = "Clock"
    _props = ("format",)


class FreshRing(_Ui):
    """Age ring of one value. `asOf` ISO, `intervalS` seconds."""

    _type = "FreshRing"
    _props = ("asOf", "intervalS", "source")


class Timeline(_Ui):
    """Hour bars of today's events."""

    _type = "Timeline"
    _props = ("counts", "variant")


class LayerPanel(_Ui):
    """Layers by theme with counts and legend. `layers` is `config["layers"]`."""

    _type = "LayerPanel"
    _props = ("layers", "variant")


class SearchBox(_Ui):
    """Search field that opens the Ctrl K dialog."""

    _type = "SearchBox"
    _props = ("placeholder",)


class Keys(_Ui):
    """The key help (?)."""

    _type = "Keys"
    _props = ("page",)


class AlarmBar(_Ui):
    """Active alarms on every page of the desk, with sound and keys. `setup`: ioc/screens/alarms.py."""

    _type = "AlarmBar"
    _props = ("setup",)


class AlarmList(_Ui):
    """All alarms, live, with filters, and the journal. `rules`, `states`, `priorities`, `entries`: keys with words."""

    _type = "AlarmList"
    _props = ("rules", "states", "priorities", "entries")


class AlarmRules(_Ui):
    """Parameters of alarm rules, and the stewards: read, and changed with the right."""

    _type = "AlarmRules"
    _props = ("choices", "kinds", "regions", "mayEdit", "duties")


class AlarmWall(_Ui):
    """Urgent alarms nobody has acknowledged, on a wall, silent."""

    _type = "AlarmWall"


class LangSwitch(_Ui):
    """中 / EN; reloads the page in the other language, all other state kept."""

    _type = "LangSwitch"


class ThemeSwitch(_Ui):
    """深 / 浅; switches at once."""

    _type = "ThemeSwitch"


class Svg(_Ui):
    """One drawing: `<svg viewBox preserveAspectRatio={fit} role="img" aria-label={label}>{inner}</svg>`.

    `inner` is markup from the pure functions of `ioc.screens` only, never anybody's text. Without `label` it is hidden
    from readers. Dash has no svg elements of its own.
    """

    _type = "Svg"
    _props = ("viewBox", "inner", "label", "fit")


COMPONENTS: tuple[type[_Ui], ...] = (
    Page,
    MapView,
    LiveList,
    CountRow,
    ConnStrip,
    Clock,
    FreshRing,
    Timeline,
    LayerPanel,
    SearchBox,
    Keys,
    AlarmBar,
    AlarmList,
    AlarmRules,
    AlarmWall,
    LangSwitch,
    ThemeSwitch,
    Svg,
)


def bundle_built() -> bool:
    """Whether the bundle has been built; `ioc doctor` says how when it has not."""
    return (DIST / "ioc_ui.js").is_file() and (DIST / "ioc_map.js").is_file()


def bundle_version() -> str:
    """Twelve hex digits over the bundle; a wall reloads at a quiet moment when it changes. "" when not built."""
    if not bundle_built():
        return ""
    digest = hashlib.sha256(__version__.encode())
    for name in ("ioc_ui.js", "ioc_map.js", "ioc_ui.css"):
        digest.update((DIST / name).read_bytes())
    return digest.hexdigest()[:12]
