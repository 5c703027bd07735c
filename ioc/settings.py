"""Everything that differs between installations, from `IOC_*` environment variables or `<data_dir>/ioc.env`."""

from __future__ import annotations

import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _known_zone(name: str) -> str:
    ZoneInfo(name)
    return name


def _web_address(text: str) -> str:
    """Only what a browser may open as a link: nothing that would run."""
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("https://...")
    return text


def _distances(text: str) -> str:
    """Distances above 0 and up to 200 km, separated by commas."""
    if not all(0 < float(word) <= 200 for word in text.split(",") if word.strip()):  # ValueError for no number
        raise ValueError("3,5,10")
    return text


class Settings(BaseSettings):
    """Settings of one process. Durations end in `_s` (seconds) or `_days`, sizes in `_mb`."""

    model_config = SettingsConfigDict(env_prefix="IOC_", env_file=None, extra="ignore", frozen=True)

    data_dir: Path = Path(".ioc")
    host: str = ""  # empty: loopback until an administrator has set a password of their own, then `public_host`
    public_host: str = "0.0.0.0"  # noqa: S104 - only used once an administrator password is set
    port: int = Field(default=8050, ge=1, le=65535)
    pack: str = ""  # key of the place pack; empty: the pack recorded in the store, or none
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    lang: Literal["zh", "en"] = "zh"

    database_url: str = ""  # empty: private cluster under data_dir
    database_owner_url: str = ""  # for migrations when database_url is the app role
    database_pooler: bool = False  # a PgBouncer in transaction mode stands before database_url
    redis_url: str = ""  # empty: in-process cache (one web process)
    mqtt_url: str = ""  # empty: own broker on loopback; "none": MQTT off
    mqtt_port: int = 1883
    mqtt_group: str = ""  # shared subscription group when several ingest processes run
    thingsboard_area: str = ""  # region code where unknown ThingsBoard devices are registered; empty: they are refused
    thingsboard_crs: str = ""  # of their latitude and longitude attributes; empty: those are not used

    lower_centres: str = ""  # JSON file naming the centres of the level below; relative to data_dir; empty: none

    cap_folder: str = ""  # warnings dropped as files; relative to data_dir; empty: off
    cap_url: str = ""  # Atom feeds or documents to poll for warnings, separated by spaces; empty: off
    cap_poll_s: int = Field(default=60, ge=5, le=86_400)

    outbound_file: str = "outbound.toml"  # channels and routes of what is sent; relative to data_dir
    hotline_file: str = "hotline.toml"  # how a 12345 platform names its fields; relative to data_dir
    gb28181_folder: str = ""  # catalogues dropped as files; relative to data_dir; empty: off
    video_config: str = "video.json"  # editions, coordinate systems, sharing of video platforms; relative to data_dir
    video_packet_wait_s: int = Field(default=60, ge=5, le=86_400)  # for the missing packets of a catalogue
    wvp_url: str = ""  # base address of a WVP-PRO; empty: off
    wvp_user: str = ""
    wvp_password: str = ""  # as typed at its sign-in page
    wvp_api_key: str = ""  # instead of user and password
    wvp_poll_s: int = Field(default=60, ge=5, le=86_400)
    video_media_hosts: str = ""  # host or host:port media may be fetched from, by spaces; empty: the host of wvp_url
    video_trace_url: str = ""  # link into a department's face and trace search, {camera} its number; empty: none
    video_ar_url: str = ""  # link into the AR client of high points (鹰眼), {camera} the camera's number; empty: none

    pool_size: int = Field(default=16, ge=1, le=200)
    session_hours: int = 12
    session_idle_minutes: int = 120
    lockout_failures: int = 5
    lockout_minutes: int = 15
    # meeting of an incident (会商), an address with {number} or {case_id}; empty: no link is shown
    meeting_url: Annotated[str, AfterValidator(_web_address)] = ""
    # AR guidance at its place (实景指挥), an address with {number}, {case_id}, {lon}, {lat}; empty: no link is shown
    ar_url: Annotated[str, AfterValidator(_web_address)] = ""
    # rings of the theme 核应急 in km ("3,5,10"), as the site's approved plan has them; empty: the theme is off
    nuclear_rings_km: Annotated[str, AfterValidator(_distances)] = ""
    frame_ancestors: str = "'self'"
    trusted_proxies: str = "127.0.0.1"
    log_json: bool = False

    basemap_url: str = ""  # raster, WMTS template ({z}/{x}/{y}) or PMTiles; empty: offline base map from the store
    basemap_kind: Literal["", "raster", "wmts-w", "wmts-c", "pmtiles"] = ""
    basemap_attribution: str = ""  # shows the official map approval number (审图号)

    imagery_url: str = ""  # imagery over the base map: raster or WMTS template ({z}/{x}/{y}); empty: none
    imagery_kind: Literal["raster", "wmts-w", "wmts-c"] = "raster"
    imagery_note: str = ""  # whose it is, of which day, and its approval number: shown beside the slider

    seal_file: str = ""  # keys of sealed data; empty: `seal.keys` under data_dir; several machines share one
    attachment_dir: str = ""  # empty: `attachments` under data_dir; several machines share one folder
    attachment_max_mb: int = Field(default=20, ge=1, le=512)
    attachment_budget_mb: int = 0  # 0: no budget beyond the free space below
    attachments_per_hour: int = Field(default=240, ge=1)  # by one uploader

    road_snap_m: float = Field(default=1.0, ge=0, le=50)  # ends of roads nearer than this are one junction
    road_stub_m: float = Field(default=20.0, ge=0, le=1000)  # dead ends shorter than this are reported
    # a place farther from a road has no travel time; from the next import on
    road_near_m: float = Field(default=1000.0, gt=0, le=50_000)
    road_buffer_m: float = Field(default=20_000.0, ge=0)  # roads so far beyond the centre's regions are taken, too
    road_speeds_file: str = "road_speeds.json"  # speeds by class in place of the shipped ones; relative to data_dir

    retention_observation_days: int = 90
    retention_history_days: int = Field(default=1095, ge=183)  # the audit log too: half a year at least (SEC-07)
    retention_track_days: int = Field(default=30, ge=7)  # where officers were on patrol: personal data
    retention_feed_days: int = 7
    retention_reject_days: int = 180
    disk_budget_mb: int = 0  # 0: no budget beyond the free space below
    disk_free_min_mb: int = 2048
    future_tolerance_s: int = 600
    area_buffer_m: int = 5000

    roles: Annotated[tuple[str, ...], NoDecode] = ("web", "ingest")

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def root(self) -> Path:
        return self.data_dir.expanduser().resolve()

    @property
    def attachments(self) -> Path:
        """Folder of attached files, outside everything that is served by name."""
        return Path(self.attachment_dir).expanduser().resolve() if self.attachment_dir else self.root / "attachments"

    @property
    def seal_keys(self) -> Path:
        """Keys of sealed personal data made by `ioc seal rotate`; without the file that of `secret` serves."""
        return Path(self.seal_file).expanduser().resolve() if self.seal_file else self.root / "seal.keys"

    @cached_property
    def secret(self) -> bytes:
        """Key for signed cookies and embed tokens, made once per installation, readable by the owner only."""
        return self._kept("secret")

    @cached_property
    def audit_key(self) -> bytes:
        """Key that signs the head of the chain of history. Apart from `secret`, which may be thrown away."""
        return self._kept("audit.key")

    def _kept(self, name: str) -> bytes:
        path = self.root / name
        if not path.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            tmp = path.with_name(f"{name}.new")
            tmp.touch(mode=0o600)
            tmp.write_bytes(secrets.token_bytes(32))
            # link, not rename: when two processes start at once the first one's key stays
            try:
                path.hardlink_to(tmp)
            except FileExistsError:
                pass
            finally:
                tmp.unlink(missing_ok=True)
        return path.read_bytes()


def load_settings(**overrides: object) -> Settings:
    """Environment, then `<data_dir>/ioc.env`, then `overrides` (which win)."""
    first = Settings(**overrides)  # pyright: ignore[reportArgumentType]
    env_file = first.root / "ioc.env"
    return Settings(_env_file=env_file, **overrides) if env_file.exists() else first  # pyright: ignore
