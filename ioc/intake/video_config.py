"""`<data_dir>/video.json`: what a city knows of its video platforms and their catalogues do not say.

    {"default": {"edition": "2016"},
     "platforms": {"44170200002000000001": {"crs": "GCJ-02", "private_to": "公安局", "interval_s": 3600,
                   "ranges": [{"from": "44170201001320000001", "to": "44170201001320009999", "crs": "EPSG:4326"}]}}}

Without the file: the edition of 2016, WGS 84 as the standard says, shared with all.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ioc import geo
from ioc.errors import ConfigError
from ioc.intake.gb_id import Edition
from ioc.settings import Settings


def _known_crs(text: str) -> str:
    return geo.parse_crs(text)


Crs = Annotated[str, AfterValidator(_known_crs)]


class Rules(BaseModel):
    """How devices of a platform are read. None: as the level above says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    crs: Crs | None = None
    private_to: str | None = Field(default=None, max_length=100)
    department: str | None = Field(default=None, max_length=100)
    sensitivity: int | None = Field(default=None, ge=0, le=2)


class Range(Rules):
    """Rules of the devices whose ids lie between two, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    first: str = Field(alias="from", pattern=r"^\d{20}$")
    last: str = Field(alias="to", pattern=r"^\d{20}$")


class Platform(Rules):
    """A platform: its edition, how often its states are told, and ranges with rules of their own, first match first."""

    edition: Edition | None = None
    interval_s: int | None = Field(default=None, ge=1, le=31_536_000)
    ranges: tuple[Range, ...] = ()


class VideoConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    default: Platform = Platform()
    platforms: dict[str, Platform] = Field(default_factory=dict[str, Platform])

    def editions(self) -> dict[str, Edition]:
        return {k: p.edition for k, p in self.platforms.items() if p.edition is not None}

    def edition(self, platform: str) -> Edition:
        return self.editions().get(platform) or self.default.edition or "2016"

    def interval_s(self, platform: str, usual: int) -> int:
        return self._platform(platform).interval_s or self.default.interval_s or usual

    def rules(self, platform: str, gb_id: str) -> Rules:
        """The range, then the platform, then the default, field by field. None: nothing is known here."""
        own = self._platform(platform)
        found = next((r for r in own.ranges if r.first <= gb_id <= r.last), None)
        levels: list[Rules] = [r for r in (found, own, self.default) if r is not None]

        def first(name: str) -> object:
            return next((v for level in levels if (v := getattr(level, name)) is not None), None)

        values = {n: first(n) for n in Rules.model_fields}
        return Rules.model_validate(values)

    def _platform(self, platform: str) -> Platform:
        return self.platforms.get(platform, Platform())


def load(settings: Settings) -> VideoConfig:
    """Raises ConfigError naming the place at fault."""
    path = settings.root / Path(settings.video_config).expanduser()
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return VideoConfig()
    return _read(path, stamp)


@lru_cache(maxsize=8)
def _read(path: Path, _stamp: int) -> VideoConfig:
    try:
        return VideoConfig.model_validate_json(path.read_bytes())
    except ValidationError as e:
        faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in e.errors(include_url=False))
        raise ConfigError(f"{path.name}：{faults}", f"{path.name}: {faults}") from None
    except OSError as e:
        raise ConfigError(f"{path.name}：{e.strerror}", f"{path.name}: {e.strerror}") from None
