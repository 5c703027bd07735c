"""Dash's HTML elements, untyped at their calls: the generated signatures know no `data-*` or `aria-*` attribute."""

from __future__ import annotations

from typing import Any

from dash import html as _html
from dash.development.base_component import Component

__all__ = ["Component", "html"]

html: Any = _html
