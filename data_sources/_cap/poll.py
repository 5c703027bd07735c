"""A polled address: an Atom feed (RFC 4287) whose entries link to CAP documents, or one document itself.

Asked with the ETag and date of the last answer that was taken in whole; an entry is fetched once for each `updated`.
Links lead to the feed's own host only: a feed must not make this process ask others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from data_sources._cap.folder import Submit
from ioc.clock import Clock
from ioc.errors import Invalid, Reason, SourceFault
from ioc.intake import xml_guard
from ioc.intake.reasons import Refuse, reason
from ioc.intake.xml_guard import MAX_BYTES, Node
from ioc.store.rejects import Rejected

ATOM = "http://www.w3.org/2005/Atom"
MAX_ENTRIES = 500
TIMEOUT_S = 10.0  # of one wait for the network
WHOLE_S = 60.0  # of one answer, however slowly it drips
LONGEST_S = 600.0  # between two tries of an address that fails
LONGEST_ASKED_S = 3600.0  # that a server may ask for with Retry-After
Refused = Callable[[Rejected], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None: not changed since last time."""

    body: bytes | None
    headers: Mapping[str, str]


class Failed(SourceFault):
    """No usable answer. `wait_s`: what the server asked for."""

    wait_s: float = 0.0


class Poller:
    """One address. `due` says when it is asked next, by the monotonic clock."""

    def __init__(
        self, url: str, every_s: float, submit: Submit, refused: Refused, client: httpx.Client, clock: Clock
    ) -> None:
        self.url, self._every_s, self._clock = url, every_s, clock
        self._submit, self._refused, self._client = submit, refused, client
        self.due = float("-inf")
        self.failures = 0
        self._marks: dict[str, str] = {}  # request headers that name the last answer
        self._taken: set[str] = set()

    def turn(self, now_s: float) -> int:
        """Ask, and take in what is new; how many documents. Raises Failed; then the next turn is later each time."""
        try:
            taken = self._ask()
        except Failed as e:
            self.failures += 1
            self.due = now_s + max(min(self._every_s * 2**self.failures, LONGEST_S), e.wait_s)
            raise
        self.failures, self.due = 0, now_s + self._every_s
        return taken

    def _ask(self) -> int:
        answer = self._get(self.url, self._marks)
        if answer.body is None:
            return 0
        taken = self._take(answer)
        # only now: had an entry failed, an unchanged feed must be looked at again
        named = {"If-None-Match": answer.headers.get("etag"), "If-Modified-Since": answer.headers.get("last-modified")}
        self._marks = {k: v for k, v in named.items() if v}
        return taken

    def _take(self, answer: Answer) -> int:
        body = answer.body or b""
        if "json" in answer.headers.get("content-type", ""):
            return self._one(body, "json", self.url)
        try:
            root = xml_guard.read(body)
        except Refuse as e:
            found = e.of("feed", self.url)
            raise Failed(found.zh, found.en) from None
        if (root.space, root.name) != (ATOM, "feed"):
            return self._one(body, "xml", self.url)
        return self._entries(root)

    def _entries(self, feed: Node) -> int:
        entries = feed.all("entry")[:MAX_ENTRIES]
        keys = {f"{e.word('id')}\n{e.word('updated')}": e for e in entries}
        self._taken &= set(keys)
        fault: Failed | None = None
        taken = 0
        for key, entry in keys.items():
            if key in self._taken:
                continue
            link = self._link(entry)
            try:
                if isinstance(link, Reason):
                    self._refused(Rejected(entry.word("id"), [link]))
                else:
                    taken += self._one(self._get(link, {}).body or b"", "xml", link)
                self._taken.add(key)
            except Failed as e:  # the others are not kept waiting for one
                fault = e
        if fault is not None:
            raise fault
        return taken

    def _link(self, entry: Node) -> str | Reason:
        """The entry's CAP document: the link of that type, else the first that could be one."""
        links = [n.attributes for n in entry.all("link") if n.attributes.get("href")]
        usual = [a for a in links if a.get("rel", "alternate") in ("alternate", "enclosure", "related")]
        named = [a for a in usual if a.get("type", "") == "application/cap+xml"] or usual
        if not named:
            return reason("link", "missing_field")
        try:
            url = urljoin(self.url, named[0]["href"])
            parts, own = urlsplit(url), urlsplit(self.url)
            same = (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
        except ValueError:
            return reason("link", "foreign_link", named[0]["href"])
        return url if same else reason("link", "foreign_link", url)

    def _one(self, data: bytes, form: str, item: str) -> int:
        try:
            self._submit(data, form, item)
        except Invalid:
            return 0  # kept as a reject by the intake
        return 1

    def _get(self, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            with self._client.stream("GET", url, headers=dict(headers)) as response:
                if response.status_code == 304:
                    return Answer(None, response.headers)
                if response.status_code != 200:
                    fault = Failed(f"应答 {response.status_code}：{url}", f"answered {response.status_code}: {url}")
                    fault.wait_s = _asked(response.headers.get("retry-after", ""))
                    raise fault
                return Answer(self._whole(response, url), response.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            name = type(e).__name__
            raise Failed(f"无法连接（{name}）：{url}", f"cannot be reached ({name}): {url}") from e

    def _whole(self, response: httpx.Response, url: str) -> bytes:
        data, until = bytearray(), self._clock.monotonic() + WHOLE_S
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_BYTES:
                raise Failed(f"应答超过 {MAX_BYTES} 字节：{url}", f"an answer of more than {MAX_BYTES} bytes: {url}")
            if self._clock.monotonic() > until:
                raise Failed(f"应答超过 {WHOLE_S:g} 秒：{url}", f"an answer of more than {WHOLE_S:g} s: {url}")
        return bytes(data)


def _asked(value: str) -> float:
    return min(float(value), LONGEST_ASKED_S) if value.isascii() and value.isdigit() else 0.0
