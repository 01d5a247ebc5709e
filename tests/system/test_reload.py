"""A running gateway takes other settings without a restart, and keeps the good ones."""

import os
import signal
import socket
import urllib.request
from pathlib import Path

import msgspec
import pytest

from tests.system.programs import Program, free_port, running, until

pytestmark = pytest.mark.system


def devices(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/now", timeout=5) as answer:
        return list(msgspec.json.decode(answer.read())["devices"])


def is_open(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/now", timeout=1).close()
    except OSError:
        return False
    return True


def test_sighup_brings_other_settings_in_the_same_process_and_a_wrong_file_brings_none(tmp_path):
    port, other = free_port(), free_port()
    file = tmp_path / "gateway.toml"

    def write(name: str, driver: str, page: int) -> None:
        file.write_text(
            f'gateway = "home"\npage = "127.0.0.1:{page}"\n'
            f'[device.{name}]\ndriver = "{driver}"\nport = "/dev/pts/9999"\n'
        )

    def told(event: str) -> int:
        return Path(tmp_path / "gateway.log").read_text().count(f"event={event}")

    write("hall", "p1", port)
    gateway = Program("gateway", tmp_path, "gateway", "--config", file)
    with running(gateway):
        assert ["hall"] == devices(port)

        write("cellar", "p1", other)
        os.kill(gateway.process.pid, signal.SIGHUP)
        until("the page is at its new address", lambda: is_open(other))
        assert ["cellar"] == devices(other)
        assert not is_open(port)

        write("attic", "p2", other)
        os.kill(gateway.process.pid, signal.SIGHUP)
        until("the mistake is told", lambda: told("config_refused") == 1)
        assert ["cellar"] == devices(other)

        # Read without a mistake, but somebody else listens where its page should be.
        with socket.create_server(("127.0.0.1", port)):
            write("loft", "p1", port)
            os.kill(gateway.process.pid, signal.SIGHUP)
            until("the old settings are back", lambda: told("gateway_started") == 3)
            assert ["cellar"] == devices(other)
        assert None is gateway.process.poll()
