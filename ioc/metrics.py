"""Prometheus metrics of one web process: requests by route, and the live feed."""

from __future__ import annotations

import time
from collections.abc import Iterable

import flask
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response

from ioc.feed.hub import Hub

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class _Feed(Collector):
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterable[Metric]:
        stats = self._hub.stats()
        for name, words in (
            ("clients", "open streams"),
            ("groups", "groups of streams that see the same"),
            ("last_no", "newest feed number sent"),
            ("sent", "messages handed to streams"),
        ):
            yield GaugeMetricFamily(f"ioc_feed_{name}", words, value=float(stats[name]))
        yield GaugeMetricFamily("ioc_feed_connected", "1 while the feed is read", value=float(stats["connected"]))
        lag = stats["lag_ms"]
        yield GaugeMetricFamily(
            "ioc_feed_lag_seconds", "age of a record when it was sent", value=-1.0 if lag is None else lag / 1000
        )


class Metrics:
    """One registry an application, so that two in one process (tests) do not collide."""

    def __init__(self, registry: CollectorRegistry, hub: Hub | None = None) -> None:
        self.registry = registry
        self._took = Histogram(
            "ioc_http_seconds",
            "time to an answer",
            ("route", "method", "status"),
            registry=registry,
            buckets=_BUCKETS,
        )
        if hub is not None:
            registry.register(_Feed(hub))

    def observe(self, route: str, method: str, status: int, took_s: float) -> None:
        self._took.labels(route, method, str(status)).observe(took_s)

    def begin(self) -> None:
        flask.g.ioc_began = time.perf_counter()

    def end(self, response: Response) -> Response:
        began: float | None = flask.g.get("ioc_began")
        if began is not None:
            rule = flask.request.url_rule
            route = rule.rule if rule is not None else "none"
            self.observe(route, flask.request.method, response.status_code, time.perf_counter() - began)
        return response
