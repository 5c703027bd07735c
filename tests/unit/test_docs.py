"""The documents keep up with the product: generated tables, links, named files and commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_registry
from ioc.ops.reference import TABLES, render

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "README.zh.md"]
IDS = [p.name for p in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_generated_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert render(text, create_registry()) == text, f"{page.name} is behind: run scripts/docs"


def test_every_table_is_shown_and_complete() -> None:
    text = (ROOT / "docs/reference.md").read_text("utf-8") + (ROOT / "docs/your-city.md").read_text("utf-8")
    registry = create_registry()
    for name in TABLES:
        assert f"<!-- table: {name} -->" in text
    for key in (*registry.layers, *registry.indicators, *registry.sources, *registry.flows, *registry.packs):
        assert f"`{key}`" in text, key


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        assert not path.startswith("http"), f"{page.name} links outside: {target}"
        found = page.parent / path if path else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.M)
            assert anchor in {h.lower().replace(" ", "-") for h in heads}, f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_named_commands_exist(page: Path) -> None:
    groups = "db|demo|user|token|embed|notify|audit|seal"
    named = set(re.findall(rf"\bioc ((?:(?:{groups}) )?[a-z]+)", page.read_text("utf-8")))
    commands = {
        "up", "web", "ingest", "doctor", "status", "import", "bench", "db url", "db migrate", "demo load", "demo drop",
        "demo play", "user add", "token create", "embed sign", "notify dead", "notify resend", "notify test",
        "audit verify", "audit head", "seal rotate", "seal status", "seal remove",
    }  # fmt: skip
    code = re.findall(r"`[^`\n]*`|```.*?```", page.read_text("utf-8"), re.S)
    used = {c for c in named if any(f"ioc {c}" in block for block in code)}
    assert used - {"cd"} <= commands, used - commands
    for script in re.findall(r"\bscripts/([a-z]+)", page.read_text("utf-8")):
        assert (ROOT / "scripts" / script).exists(), script


def test_both_readmes_begin_alike() -> None:
    """One sentence, the picture, two commands: on the first screen."""
    for name in ("README.md", "README.zh.md"):
        head = "\n".join((ROOT / name).read_text("utf-8").splitlines()[:20])
        assert "docs/img/wall.png" in head
        assert "scripts/up" in head
        assert head.count("```sh") == 1


@pytest.mark.parametrize("kind", ["layer", "indicator", "source"])
def test_scripts_new_writes_what_passes_lint(kind: str, tmp_path: Path) -> None:
    for folder in ("layers", "ioc/indicators", "data_sources", "tests/unit"):
        (tmp_path / folder).mkdir(parents=True)
    command = [
        sys.executable,
        str(ROOT / "scripts/new"),
        kind,
        "street_tap",
        "--title",
        "取水口",
        "--root",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"next: .venv/bin/python -m pytest tests/unit/test_{kind}_street_tap.py"
    files = sorted(tmp_path.rglob("*.py"))
    assert len(files) == 2
    config = ["--config", str(ROOT / "pyproject.toml")]
    for check in (["check", "--ignore", "I001"], ["format", "--check"]):
        lint = subprocess.run(
            [sys.executable, "-m", "ruff", *check, *config, *map(str, files)], capture_output=True, text=True
        )
        assert lint.returncode == 0, lint.stdout + lint.stderr
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1
    assert "exists" in again.stderr
    bad = subprocess.run([*command[:3], "Street-Tap", "--root", str(tmp_path)], capture_output=True, text=True)
    assert bad.returncode == 2
