"""One poll of a WVP: every device's channels with the time they were asked, or a fault that names what failed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

from data_sources._wvp.client import Json, WvpClient, WvpFault
from data_sources._wvp.items import check_platform, id_of, to_item
from ioc.intake import video_channels, video_config
from ioc.intake.catalogues import ensure
from ioc.intake.context import SourceContext
from ioc.intake.gb_catalogue import Item
from ioc.intake.private_net import without_addresses
from ioc.intake.reasons import Refuse
from ioc.intake.video_channels import Teller
from ioc.scope import SYSTEM
from ioc.store import device_state, sources, video_nodes
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

LONGEST_S = 600.0  # between two tries of a WVP that does not answer
KIND = "wvp"


class Poller:
    """`due` says when it is asked next, by the monotonic clock."""

    def __init__(self, context: SourceContext, client: WvpClient) -> None:
        self._context, self._client = context, client
        self.due = float("-inf")
        self.failures = 0

    def turn(self) -> int:
        """Ask, and write. Returns the devices asked. Never raises for the far end: its fault is the source's state."""
        c = self._context
        every = float(c.settings.wvp_poll_s)
        now_s = c.clock.monotonic()
        try:
            done = self._poll()
            self.failures, self.due = 0, now_s + every
        except WvpFault as e:
            self.failures += 1
            done = 0
            self.due = now_s + max(min(every * 2**self.failures, LONGEST_S), e.wait_s)
            c.failed(e.code, e.message("zh"), e.message("en"))
        self.age()
        return done

    def age(self) -> int:
        """States nobody has told for three intervals are unknown, not the last ones for ever."""
        with self._context.store.scoped(SYSTEM) as conn:
            return video_nodes.age(conn, [KIND], self._context.clock.now())

    def _poll(self) -> int:
        """One device that fails keeps no other waiting, and is named at the end. Raises WvpFault, ConfigError."""
        config = video_config.load(self._context.settings)
        devices = list(self._client.devices())
        fault: WvpFault | None = None
        done = 0
        for device in devices:
            edition = config.edition(str(device.get("deviceId", "")))
            try:
                platform = check_platform(device, edition)
            except Refuse as e:
                self._refuse([Rejected(str(device.get("deviceId", ""))[:60], [e.of("deviceId", "")])])
                continue
            try:
                channels = list(self._client.channels(platform))
            except WvpFault as e:
                fault = e
                continue
            self._write(platform, device, channels, config)
            done += 1
        if fault is not None:
            raise fault
        if not devices:
            self._context.seen()
        return done

    def _write(self, platform: str, device: Json, channels: Sequence[Json], config: video_config.VideoConfig) -> None:
        c = self._context
        edition, now = config.edition(platform), c.clock.now()
        items: dict[str, Item] = {}
        refused: list[Rejected] = []
        for channel in channels:
            try:
                item = to_item(channel, device, edition)
            except Refuse as e:
                raw = json.dumps({"deviceId": id_of(channel), "name": without_addresses(str(channel.get("name", "")))})
                refused.append(Rejected(id_of(channel), [e.of("deviceId", id_of(channel))], raw))
                continue
            items.setdefault(item.gb_id, item)  # a list that shifts between two pages repeats a row
        by = Teller(c.key, platform, config.interval_s(platform, c.settings.wvp_poll_s), "real", c.key, now)
        retried(lambda: self._store(by, device, list(items.values()), refused, config, now))

    def _store(
        self,
        by: Teller,
        device: Json,
        items: Sequence[Item],
        refused: Sequence[Rejected],
        config: video_config.VideoConfig,
        now: dt.datetime,
    ) -> None:
        c = self._context
        with c.store.scoped(SYSTEM) as conn:
            ensure(conn, c.key, KIND, by.interval_s, by.origin)
            video_nodes.take_turn(conn, by.source, by.platform)
            out = video_channels.write(conn, items, config, c.settings, by)
            lost = video_nodes.mark_missing(
                conn, by.source, by.platform, now=now, keys=[i.gb_id for i in items] or ["-"]
            )
            if lost:
                device_state.report(conn, dict.fromkeys(lost, ("unknown", now)), now)
            name = without_addresses(str(device.get("name") or ""))[:200]
            told = {"name": name, "edition": config.edition(by.platform), "interval_s": by.interval_s, "origin": "real"}
            video_nodes.confirm(conn, by.source, by.platform, told, now)
            rejected = [*out.rejected, *refused]
            store_rejects(conn, c.key, rejected, now)
            changed = out.stored + out.updated + out.states
            same = max(0, len(items) - changed)
            sources.arrived(conn, c.key, sources.Arrival(len(items), changed, same, len(rejected), now), now)

    def _refuse(self, rejected: Sequence[Rejected]) -> None:
        c = self._context
        with c.store.scoped(SYSTEM) as conn:
            store_rejects(conn, c.key, rejected, c.clock.now())
            arrival = sources.Arrival(received=len(rejected), rejected=len(rejected))
            sources.arrived(conn, c.key, arrival, c.clock.now())
