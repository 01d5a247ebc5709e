"""With only a cable plugged in: three commands lead to readings, and no document is read."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.system.programs import Program, free_port, meterkast, running, simulated, until

pytestmark = pytest.mark.system

SERIAL = "E0047000012345607"


def now(port: int) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/now", timeout=5) as answer:
        return json.loads(answer.read())


def test_discover_check_and_gateway_lead_from_a_cable_to_readings(tmp_path):
    file = tmp_path / "gateway.toml"
    with simulated("p1", tmp_path / "cable") as cable:
        found = meterkast("discover", "--port", cable, "--write", "--config", file)
        assert 0 == found.returncode, found.stderr
        assert SERIAL in found.stderr
        assert "go on with: meterkast check\n" in found.stderr

        checked = meterkast("check", "--config", file)
        assert 0 == checked.returncode, checked.stderr
        assert "the settings are good" in checked.stdout
        assert str(cable) in checked.stdout

        # The page's usual port may be taken on a machine that runs tests.
        port = free_port()
        file.write_text(file.read_text().replace("127.0.0.1:7081", f"127.0.0.1:{port}"))
        gateway = Program("gateway", tmp_path, "gateway", "--config", file)
        with running(gateway):
            until("there are readings", lambda: now(port)["devices"]["meter"]["readings"])
            meter = now(port)["devices"]["meter"]
            assert "p1" == meter["driver"]
            assert "mWh" == meter["readings"]["1-0:1.8.1"]["unit"]


def test_what_discover_finds_is_written_beside_what_stands_in_the_file(tmp_path):
    file = tmp_path / "gateway.toml"
    before = (
        '# mine\ngateway = "home"  # as on the door\n\n'
        '[device.meter]\ndriver = "p1"\nport = "/dev/serial/by-id/usb-x"\n'
    )
    file.write_text(before)
    with simulated("sml", tmp_path / "head") as head:
        command = ("discover", "--port", head, "--config", file)
        told = meterkast(*command)
        assert file.read_text() == before
        assert 0 == meterkast(*command, "--write").returncode
        assert file.read_text().startswith(before.rstrip())
        assert file.read_text().endswith(told.stdout)
        assert "[device.meter-2]" == told.stdout.splitlines()[0]

        again = meterkast(*command, "--write")
        assert 0 == again.returncode
        assert f"{head}: is 'meter-2' in {file}" in again.stderr


def test_a_silent_device_is_only_asked_with_probe(tmp_path):
    with simulated("comma", tmp_path / "scale") as scale:
        command = ("discover", "--port", scale, "--seconds", "0.5", "--json")
        quiet = meterkast(*command)
        assert 4 == quiet.returncode
        assert "nobody said anything within 0.5 s" == json.loads(quiet.stdout)["what"]

        asked = meterkast(*command, "--probe")
        assert 0 == asked.returncode, asked.stderr
        assert "scale" == json.loads(asked.stdout)["device"]
        assert "comma" == json.loads(asked.stdout)["driver"]


def test_without_any_port_the_error_says_what_to_do(tmp_path):
    if Path("/dev/serial").exists():
        pytest.skip("this machine has serial ports")
    told = meterkast("discover", "--config", tmp_path / "gateway.toml")
    assert 4 == told.returncode
    assert told.stderr.startswith("error: there is no serial port\nwhere: /dev/meterkast/*, ")


def watched(*args: object) -> tuple[list[dict[str, object]], int]:
    """What `watch` tells until it has told a count of energy, and what Ctrl-C ends it with."""
    command = [sys.executable, "-m", "gateway", "watch", *map(str, args), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = []
        for line in process.stdout:
            told.append(json.loads(line))
            if told[-1].get("register") == "1-0:1.8.1":
                break
        process.send_signal(signal.SIGINT)
        return told, process.wait(timeout=10)


def test_watch_shows_what_the_meter_says_with_a_gateway_and_without_one(tmp_path):
    file, port = tmp_path / "gateway.toml", free_port()
    with simulated("p1", tmp_path / "cable") as cable:
        file.write_text(
            f'gateway = "home"\npage = "127.0.0.1:{port}"\n'
            f'[device.hall]\ndriver = "p1"\nport = "{cable}"\n'
        )
        alone, code = watched("--config", file)
        assert 0 == code
        assert {"device": "hall", "state": "ok"} in alone
        assert "mWh" == alone[-1]["unit"]
        with running(Program("gateway", tmp_path, "gateway", "--config", file)):
            until("there are readings", lambda: now(port)["devices"]["hall"]["readings"])
            beside, code = watched("hall", "--config", file)
            assert 0 == code
            assert beside[-1]["value"] >= alone[-1]["value"]


def test_watch_of_an_unknown_device_names_the_known_ones(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/9999"\n')
    told = meterkast("watch", "hal", "--config", file)
    assert 2 == told.returncode
    assert (
        f"error: no device is called 'hal'\nwhere: {file}\ntry:   devices here: hall\n"
        == told.stderr
    )
