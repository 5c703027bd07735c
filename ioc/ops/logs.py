"""Log lines of every process: time in UTC, level, logger, message; JSON lines when `IOC_LOG_JSON` is set."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import shutil
from pathlib import Path

import structlog

CAP_BYTES = 50_000_000


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class PlainLines(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")


def configure(as_json: bool, level: int = logging.INFO) -> None:
    handler = logging.StreamHandler()
    plain = PlainLines("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if as_json else plain)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], repr_native_str=False),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    for noisy in ("httpx", "httpcore", "pyogrio", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def cap(path: Path, most: int = CAP_BYTES) -> bool:
    """Copies a grown log aside and empties it in place: the process that appends to it needs to do nothing."""
    if not path.exists() or path.stat().st_size <= most:
        return False
    shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
    os.truncate(path, 0)
    return True
