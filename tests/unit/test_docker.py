"""The containers say the same as the scripts: same pins, same roles, same limits; nginx accepts its configuration."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ioc.ops.doctor import broker_faults
from ioc.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"


def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def test_every_service_of_the_product_is_there_with_health_checks_and_without_root() -> None:
    services = compose()["services"]
    assert {"db", "redis", "mqtt", "web", "live", "ingest", "proxy"} <= set(services)
    once = {"migrate", "tls"}
    for name, service in services.items():
        if name not in once:
            assert service["healthcheck"]["test"], name
            assert service.get("user", "") != "root", name
    dockerfile = (DOCKER / "Dockerfile").read_text()
    assert re.search(r"^USER ioc$", dockerfile, re.M)
    assert dockerfile.count("FROM ") == 2


def test_settings_named_in_compose_exist() -> None:
    fields = {f"IOC_{name.upper()}" for name in Settings.model_fields}
    for service in compose()["services"].values():
        for key in service.get("environment", {}):
            if key.startswith("IOC_"):
                assert key in fields, key


def test_waits_name_services_that_exist_and_conditions_they_can_meet() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, (name, other)
            healthy = how["condition"] == "service_healthy"
            assert not healthy or services[other]["healthcheck"].get("test"), (name, other)


def test_commands_of_the_containers_are_commands_of_the_product() -> None:
    from typer.main import get_command

    from app import main

    known = set(getattr(get_command(main), "commands", {}))
    for name in ("migrate", "web", "live", "ingest"):
        words = compose()["services"][name]["command"].split()
        assert words[0] == "ioc"
        assert words[1] in known


def test_the_image_installs_the_pins_the_scripts_install() -> None:
    image, setup = (DOCKER / "Dockerfile").read_text(), (ROOT / "scripts" / "setup").read_text()
    for name in ("requirements/run.txt", "requirements/demo.txt", "--require-hashes", "npm ci"):
        assert name in image
        assert name in setup
    for pins in (ROOT / "requirements").glob("*.txt"):
        text = pins.read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"://|^--", text, re.M), pins.name


def test_the_broker_of_the_containers_keeps_what_it_accepts() -> None:
    assert broker_faults((DOCKER / "mosquitto.conf").read_text()) == []
    mounts = compose()["services"]["mqtt"]["volumes"]
    assert any(m.startswith("./mosquitto.conf:") for m in mounts)


def test_nginx_accepts_its_configuration_and_does_not_buffer_the_stream(tmp_path: Path) -> None:
    text = (DOCKER / "nginx.conf").read_text()
    live = re.search(r"location = /live \{(.*?)\}", text, re.S)
    assert live is not None
    assert "proxy_buffering off" in live[1]
    assert "http2" in text
    key = ["-keyout", str(tmp_path / "tls.key"), "-out", str(tmp_path / "tls.crt")]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", *key]
    subprocess.run(make, check=True, capture_output=True)
    here = (
        text.replace("/etc/nginx/tls/", f"{tmp_path}/")
        .replace("server web:8050", "server 127.0.0.1:8050")
        .replace("server live:8050", "server 127.0.0.1:8050")
        .replace("/tmp/nginx", f"{tmp_path}/nginx")
    )
    (tmp_path / "nginx.conf").write_text(here)
    env = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(
        ["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_broker_of_the_containers_is_reached_by_the_others() -> None:
    """The shipped listener is loopback; the command opens it to the containers, and no port is published."""
    service = compose()["services"]["mqtt"]
    pattern = re.search(r"s/\^(.*?)\$\$/(.*?)/", service["command"])
    assert pattern is not None
    lines = (DOCKER / "mosquitto.conf").read_text().splitlines()
    assert pattern[1] in lines
    assert pattern[2] == "listener 1883"
    assert "ports" not in service
