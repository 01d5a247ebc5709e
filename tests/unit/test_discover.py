"""Which ports are listened to, in which order devices are asked, and what is told of each."""

import asyncio
import os
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import sdk
from drivers.reading import Reading
from firmware_sim import device
from gateway import config as files
from gateway.contract.errors import UsageError
from gateway.lines.ports import open_port
from gateway.tools import discover, probe, running
from gateway.tools.recognise import Known

NOON_MS = 1_782_036_000_000


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /dev of our own."""
    monkeypatch.setattr(
        discover, "PLACES", [one.replace("/dev", str(tmp_path)) for one in discover.PLACES]
    )
    return tmp_path


def plant(dev: Path, *names: str, to: str) -> None:
    (dev / to).touch()
    for name in names:
        (dev / name).parent.mkdir(parents=True, exist_ok=True)
        (dev / name).symlink_to(dev / to)


def test_each_port_is_seen_once_by_its_most_stable_name(dev):
    plant(dev, "serial/by-path/usb-1", "serial/by-id/usb-FTDI", to="ttyUSB0")
    plant(dev, "serial/by-path/usb-2", to="ttyUSB1")
    plant(dev, "serial0", to="ttyAMA0")
    assert [
        str(dev / name) for name in ("serial/by-id/usb-FTDI", "serial/by-path/usb-2", "serial0")
    ] == discover.seen()


def test_the_debugging_plug_of_a_pi_5_is_no_port_by_any_name(dev, monkeypatch):
    plant(dev, "serial0", to="ttyAMA10")
    monkeypatch.setattr(discover, "NO_PORTS", {str(dev / "ttyAMA10")})
    assert [] == discover.seen()


def test_a_port_is_named_by_what_stays_and_once(dev, monkeypatch):
    plant(dev, "serial/by-id/usb-FTDI", "link", to="ttyUSB0")
    monkeypatch.setattr(discover, "RENAMED_BY_PLUGGING", (str(dev / "ttyUSB"),))
    stable, link, bare = (str(dev / name) for name in ("serial/by-id/usb-FTDI", "link", "ttyUSB0"))
    assert [stable] == discover._named([bare])
    assert [stable] == discover._named([bare, link])
    assert [link] == discover._named([link])


@pytest.mark.parametrize("port", ["tcp://10.0.0.5:1", "http://10.0.0.5", "gpio:17"])
def test_what_is_no_port_of_this_machine_is_not_listened_to(port):
    with pytest.raises(UsageError, match="only serial ports of this machine"):
        discover._named([port])


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 3601.0])
def test_nobody_listens_for_no_time_or_for_ever(tmp_path, seconds):
    with pytest.raises(UsageError, match="more than 0, at most 3600"):
        discover.discover(config=tmp_path / "gateway.toml", port=["/dev/null"], seconds=seconds)


def polled(*names: str) -> list[sdk.Device]:
    return [sdk.load(name) for name in names]


def known(driver: sdk.Device, count: int, faults: int = 0) -> Known:
    readings = tuple(Reading(f"1-0:{n}.7.0", n, "mW") for n in range(count))
    return Known(driver, readings, faults)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked on a port on which these answer: a driver with its address and its readings."""
    order: list[str] = []
    answers = {"sdm630": (35, 0), "sdm120": (12, 3), "mbus 2": (9, 0)}

    async def answered(_: str, driver: sdk.Device, settings: dict[str, str]) -> Known | None:
        name = " ".join([driver.name, *settings.values()])
        order.append(name)
        return known(driver, *answers[name]) if name in answers else None

    monkeypatch.setattr(probe, "answered", answered)
    return order


def ask(*names: str) -> probe.Answer | None:
    return asyncio.run(probe.ask("/dev/x", polled(*names), tell=lambda _: None))


def test_the_slowest_are_asked_last(asked):
    assert ask("d0", "mtsics") is None
    assert ["mtsics", "d0"] == [name for name in asked if " " not in name]


def test_who_answers_to_kin_is_taken_for_whom_it_tells_most(asked):
    answer = ask("sdm120", "mtsics", "sdm630")
    assert answer
    assert ("sdm630", ("sdm120",), {}) == (
        answer.known.driver.name,
        answer.others,
        dict(answer.settings),
    )


def test_once_somebody_answers_only_its_kin_is_asked(asked):
    ask("sdm120", "mtsics", "sdm630", "mbus")
    assert ["sdm120", "sdm630"] == asked


def test_a_device_at_another_address_is_found_with_it(asked):
    answer = ask("mtsics", "mbus")
    assert answer
    assert ["mtsics", "mbus", "mbus 2"] == asked
    assert {"address": "2"} == dict(answer.settings)


def test_what_needs_a_map_is_not_asked(asked):
    assert ask("modbus") is None
    assert [] == asked


HOUSE = 'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/9999"\n'


@pytest.fixture
def served() -> Iterator[list[bytes]]:
    """Somebody at an address, who answers with the bytes at the end of the list."""
    says = [b""]
    with socket.create_server(("127.0.0.1", 0)) as server:
        says.insert(0, str(server.getsockname()[1]).encode())

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(says[-1])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield says
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        pytest.param(
            http(b'{"gateway":"home","alarms":[]}'), {"gateway": "home", "alarms": []}, id="ours"
        ),
        pytest.param(http(b'{"gateway":"other","alarms":[]}'), {}, id="another gateway"),
        pytest.param(http(b"[1]"), {}, id="something else"),
        pytest.param(http(b"hello"), {}, id="no JSON"),
        pytest.param(b"220 mail ready\r\n", {}, id="no HTTP"),
        pytest.param(b"", {}, id="nothing"),
    ],
)
def test_a_gateway_that_runs_is_asked_and_nobody_else_is_believed(
    tmp_path, monkeypatch, served, says, expected
):
    served.append(says)
    monkeypatch.setattr(running, "is_running", lambda _: True)
    (tmp_path / "gateway.toml").write_text(f'health = "127.0.0.1:{int(served[0])}"\n' + HOUSE)
    assert expected == running.asked(files.load(tmp_path / "gateway.toml"))


def test_whoever_has_no_journal_open_does_not_run(tmp_path):
    (tmp_path / "gateway.toml").write_text(HOUSE)
    config = files.load(tmp_path / "gateway.toml")
    assert None is running.asked(config)
    config.data.mkdir()
    (config.data / "journal.lock").write_text(f"{os.getpid()}\n")
    assert None is running.asked(config)


def test_a_meter_that_speaks_in_a_cipher_is_recognised_also_after_it_has_fallen_silent():
    simulator = device.load("p1")
    simulated = simulator.begin("Luxembourg, in a cipher", simulator.source(7), 7, NOON_MS)
    telegram = b"".join(simulated.ticks(NOON_MS + step) for step in range(0, 11_000, 10))
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    async def listen() -> list[Known]:
        port = await open_port(os.ttyname(theirs), sdk.load("p1").line)
        os.write(ours, telegram)
        try:
            known, _ = await discover.hear(port, polled("p1", "sml"), 0.9)
        finally:
            port.close()
        return known

    known = asyncio.run(listen())
    os.close(ours)
    os.close(theirs)
    assert [("p1", True)] == [(one.driver.name, one.needs_key) for one in known]
