"""Who has a port open: found in /proc, known by its name, and told how to let go."""

from pathlib import Path

import pytest

from gateway.lines import holders

SYSTEM = "0::/system.slice/"
STOP = "stop it there; the home link feeds Home Assistant as well"


@pytest.fixture
def port(tmp_path: Path) -> Path:
    path = tmp_path / "ttyUSB0"
    path.touch()
    return path


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "proc"
    path.mkdir()
    (path / "locks").write_text("1: FLOCK  ADVISORY  WRITE 8 00:01:7 0 EOF\n")
    monkeypatch.setattr(holders, "PROC", path)
    return path


def _runs(proc: Path, number: int, told: tuple[str, str, str], *, has: Path) -> None:
    """A process of this command line, name and place that has a file open."""
    command, comm, cgroup = told
    folder = proc / str(number)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(f"{comm}\n")
    (folder / "cmdline").write_text(command.replace(" ", "\0") + "\0")
    (folder / "cgroup").write_text(f"{cgroup}\n")
    (folder / "fd" / "0").symlink_to("/dev/null")
    (folder / "fd" / "5").symlink_to(has)


@pytest.mark.parametrize(
    ("runs", "expected", "tries"),
    [
        (("python3 -m homeassistant --config /config", "python3", "docker/0123456789ab"),
         "Home Assistant", "delete what reads this port there; the home link feeds Home Assistant"),
        (("/srv/bin/hass", "hass", ""),
         "Home Assistant", "delete what reads this port there; the home link feeds Home Assistant"),
        (("python3 manage.py dsmr_datalogger", "python3", ""),
         "DSMR-reader", "sudo supervisorctl stop dsmr_datalogger"),
        (("/usr/sbin/ModemManager", "ModemManager", f"{SYSTEM}ModemManager.service"),
         "ModemManager", "sudo systemctl disable --now ModemManager"),
        (("/sbin/agetty -o -p ttyAMA0", "agetty", ""),
         "the login console", "raspi-config: no login shell over serial"),
        (("/usr/sbin/ser2net -n", "ser2net", ""),
         "ser2net", "port = tcp://127.0.0.1:PORT, with the port of its settings"),
        (("/opt/meterkast/bin/python /opt/meterkast/bin/meterkast gateway", "python", ""),
         "meterkast", "stop the gateway meanwhile"),
        (("/usr/bin/domoticz -www 80", "domoticz", f"{SYSTEM}domoticz.service"),
         "domoticz", "sudo systemctl stop domoticz.service"),
        (("node /app/index.js", "node", f"{SYSTEM}docker-0123456789abcdef.scope"),
         "index.js", "sudo docker stop 0123456789ab"),
        (("python3 /p1mon/P1SerReader.py", "python3", ""), "P1SerReader.py", STOP),
        (("python3 -m read_meter", "python3", ""), "read_meter", STOP),
        (("python3 -c x", "python3", ""), "python3", STOP),
        (("/home/hassan/minicom", "minicom", ""), "minicom", STOP),
        (("", "minicom", ""), "minicom", STOP),
    ],
)  # fmt: skip
def test_a_program_is_known_and_told_how_to_let_go(
    proc: Path, port: Path, runs: tuple[str, str, str], expected: str, tries: str
) -> None:
    _runs(proc, 7, ("sleep 60", "sleep", ""), has=Path("/dev/zero"))
    _runs(proc, 1234, runs, has=port)
    lost = holders.held(str(port))
    assert str(lost) == f"held by {expected} (process 1234)"
    assert lost.try_ == tries


def test_who_opened_the_port_under_another_name_is_found(
    proc: Path, port: Path, tmp_path: Path
) -> None:
    link = tmp_path / "usb-FTDI_1-port0"
    link.symlink_to(port)
    _runs(proc, 1234, ("minicom", "minicom", ""), has=port)
    assert str(holders.holder(str(link))) == "minicom (process 1234)"


def test_who_locked_the_port_is_found_where_nobody_may_look_into_it(proc: Path, port: Path) -> None:
    _runs(proc, 4321, ("x", "evcc", ""), has=Path("/dev/zero"))
    at = port.stat()
    place = f"{at.st_dev >> 8 & 0xFFF:02x}:{at.st_dev & 0xFF:02x}:{at.st_ino}"
    (proc / "locks").write_text(f"1: FLOCK  ADVISORY  WRITE 4321 {place} 0 EOF\n")
    assert str(holders.holder(str(port))) == "evcc (process 4321)"


def test_a_holder_whom_nobody_may_see_is_looked_for_by_hand(proc: Path, port: Path) -> None:
    lost = holders.held(str(port))
    assert str(lost) == "held by another program"
    assert lost.try_ == f"sudo fuser --verbose {port}"


def test_we_do_not_hold_a_port_against_ourselves(
    proc: Path, port: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders.os, "getpid", lambda: 1234)
    _runs(proc, 1234, ("meterkast", "meterkast", ""), has=port)
    assert holders.holder(str(port)) is None
