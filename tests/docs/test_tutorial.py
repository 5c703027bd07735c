"""docs/tutorial-first-layer.md, run: its commands in order, in a copy of the checkout, against a real database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "app.py",
    "pyproject.toml",
    "ioc",
    "layers",
    "callbacks",
    "data_sources",
    "packs",
    "scripts",
    "docs",
    "assets",
)
TESTS = ("__init__.py", "conftest.py")


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy with a virtual environment of its own that shares the installed packages."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-tutorial-"))
    folder.chmod(0o755)  # the database's own user must be able to enter
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            skip = shutil.ignore_patterns("__pycache__", ".ioc")
            shutil.copytree(source, folder / name, symlinks=True, ignore=skip)
        else:
            shutil.copy(source, folder / name)
    (folder / "tests/unit").mkdir(parents=True)
    for name in TESTS:
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    _environment(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> None:
    real, own = ROOT / ".venv", folder / ".venv"
    (own / "bin").mkdir(parents=True)
    shutil.copy(real / "pyvenv.cfg", own / "pyvenv.cfg")
    (own / "bin/python").symlink_to((real / "bin/python").resolve())
    (own / "lib").symlink_to(real / "lib")
    ioc = own / "bin/ioc"
    ioc.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m app "$@"\n')
    ioc.chmod(0o755)


def commands() -> list[str]:
    text = (ROOT / "docs/tutorial-first-layer.md").read_text("utf-8")
    return re.findall(r"```sh\n(.*?)```", text, re.S)


@pytest.mark.store
def test_the_tutorial_does_what_it_says(checkout: Path) -> None:
    keep = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
    env = {**keep, "IOC_DATA_DIR": str(checkout / ".ioc"), "IOC_MQTT_URL": "none", "PYTHONDONTWRITEBYTECODE": "1"}

    def sh(script: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", script], cwd=checkout, env=env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"$ {script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    sh(".venv/bin/ioc demo load --pack yangjiang --cameras 5 --sensors 5")  # the reader's centre is running already
    answers = [sh(script) for script in commands()]
    said = "\n".join(answers)
    assert "wrote layers/hydrant.py" in said
    assert "1 passed" in said
    first, again = (a for a in answers if "CAM" not in a and ("stored" in a or "新增" in a))
    assert "3" in first
    assert "3" in again
    rows = sh(
        '.venv/bin/python -c "import psycopg; from ioc.store.database import dsns, running; '
        "from ioc.settings import load_settings as s; c = running(s()); d = c.__enter__(); "
        "print(psycopg.connect(d.owner).execute(\\\"SELECT count(*), count(*) FILTER (WHERE crs_orig = 'GCJ-02') "
        "FROM device WHERE kind = 'hydrant' AND source <> 'demo'\\\").fetchone()); c.__exit__(None, None, None)\""
    )
    assert rows.strip().endswith("(3, 3)")
    table = (checkout / "docs/reference.md").read_text("utf-8")
    assert "`hydrant`" in table
