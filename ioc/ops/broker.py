"""The product's own MQTT broker: mosquitto on loopback with the shipped queue limits and persistence."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from pathlib import Path

from ioc.errors import ConfigError

# Lines of the shipped file that name places of a container; a private broker has its own.
_OWN = ("listener", "persistence_location", "user", "log_dest", "bind_address", "pid_file", "port", "log_file")
SHIPPED = Path(__file__).resolve().parents[2] / "docker" / "mosquitto.conf"


def binary() -> str:
    """Debian puts it where an ordinary user's PATH does not look."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise ConfigError("没有安装 mosquitto（运行 scripts/setup）", "mosquitto is not installed (run scripts/setup)")
    return found


def free_port(first: int, tries: int = 20) -> int:
    """`first`, or the next port nobody listens on. Raises ConfigError when all are taken."""
    for port in range(first, first + tries):
        if is_free("127.0.0.1", port):
            return port
    raise ConfigError(f"端口 {first}–{first + tries - 1} 都被占用", f"ports {first}-{first + tries - 1} are all taken")


def is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError:
            return False
    return True


def listens(port: int, host: str = "127.0.0.1", timeout_s: float = 0.2) -> bool:
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def answers(port: int, host: str = "127.0.0.1", timeout_s: float = 3.0) -> bool:
    """Whether the broker itself answers: a stopped one still accepts connections, the kernel does that for it."""
    # MQTT 3.1.1, 3.1 and 3.2: CONNECT without a client id and with a clean session; any CONNACK is an answer
    connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as s:
            s.sendall(connect)
            answered = s.recv(4)[:1] == b"\x20"
            s.sendall(b"\xe0\x00")  # DISCONNECT
            return answered
    except OSError:
        return False


def configuration(shipped: str, port: int, data: Path, user: str) -> str:
    """The shipped file with this installation's places: loopback only, so no password is needed."""
    kept = [line for line in shipped.splitlines() if not line.strip().startswith(_OWN)]
    auth = ("password_file", "acl_file", "allow_anonymous")
    kept = [line for line in kept if not line.strip().startswith(auth)]
    own = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {data}/",
        "log_dest stderr",
        f"user {user}",
    ]
    kept = [line for line in kept if line.strip() != "persistence true"]
    return "\n".join([*kept, *own]) + "\n"


def write_configuration(root: Path, port: int) -> Path:
    data = root / "mqtt"
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    path = root / "mosquitto.conf"
    path.write_text(configuration(SHIPPED.read_text(), port, data, getpass.getuser()))
    return path
