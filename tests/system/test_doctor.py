"""The doctor finds each fault that was planted, says it first and says what to do.

Lines, brokers, journals and certificates are real; what only a Pi has is planted as files.
"""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import config as files
from gateway.contract import link as links
from gateway.contract.clock import SystemClock
from gateway.contract.keys import SigningKey
from gateway.contract.record import QUARTER, Element
from gateway.doctor import machine as machines
from gateway.doctor import ports
from gateway.doctor.command import examine
from gateway.doctor.patient import Finding, Patient
from gateway.journal import EVIDENCE, Journal
from gateway.quarter import Moment
from ledger_bridge.certificates import Authority
from tests.certificates import LONG_AGO, certificate, pair
from tests.system.programs import Program, free_port, meterkast, running, simulated, until

pytestmark = pytest.mark.system

KEY = SigningKey(bytes(32))
HOUSE = 'gateway = "home-noor"\n'


class Right(SystemClock):
    """A clock that somebody keeps right, whatever this machine's does."""

    def quality(self) -> str:
        return "synced"

    def bound_ms(self) -> int | None:
        return 3


class Unset(SystemClock):
    """A Pi that has just been switched on, without a network."""

    def quality(self) -> str:
        return "unset"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "ANSWER_S_MAX", 0.5)


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """The root of the file system of a Pi that is well."""
    plant(tmp_path / "pi", "sys/class/thermal/thermal_zone0/temp", "48312\n")
    plant(tmp_path / "pi", "sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
    return tmp_path / "pi"


@pytest.fixture(scope="module")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A meter that is well."""
    with simulated("p1", tmp_path_factory.mktemp("well") / "cable") as port:
        yield port


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def device(port: Path | str, driver: str = "p1", name: str = "hall") -> str:
    return f'[device.{name}]\ndriver = "{driver}"\nport = "{port}"\n'


def found(folder: Path, text: str, *, root: Path, **looks: object) -> list[Finding]:
    """All that the doctor finds with these settings, what is wrong first."""
    file = folder / "gateway.toml"
    file.write_text(text)
    usual = {"clock": Right(), "listen_s": 1.5, "answer_s": 3.0}
    patient = Patient(file, files.load(file), root=root, **{**usual, **looks})

    async def everything() -> list[Finding]:
        return [finding async for finding in examine(patient)]

    return sorted(asyncio.run(everything()), key=lambda finding: not finding.is_wrong)


# The lines are the gateway's, and not listened to.
RUNS = {"running": {"alarms": []}}


def first(findings: list[Finding]) -> tuple[str, str]:
    """What is wrong, and what to try; nothing else is wrong."""
    wrong = [finding for finding in findings if finding.is_wrong]
    assert 1 == len(wrong), wrong
    return wrong[0].what, wrong[0].try_


def test_a_healthy_house_has_no_complaint(tmp_path, pi, cable):
    findings = found(tmp_path, HOUSE + device(cable), root=pi)
    assert [] == [finding for finding in findings if finding.is_wrong]
    assert "it speaks: 37 registers, number E0047000012345607" in [f.what for f in findings]


@pytest.mark.parametrize(
    ("fault", "what", "try_"),
    [
        pytest.param("silence", "nothing comes", "request line", id="no request line"),
        pytest.param("inverted", "the levels of the line are swapped", "inverts", id="inverted"),
        pytest.param("wrong-speed", "that make no sense", "another speed", id="wrong speed"),
    ],
)
def test_what_a_line_lacks_is_told_apart(tmp_path, pi, fault, what, try_):
    with simulated("p1", tmp_path / "cable", "--fault", fault) as cable:
        said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi))
    assert what in said
    assert try_ in help_


def test_another_device_than_in_the_settings_is_named(tmp_path, pi):
    with simulated("sml", tmp_path / "cable") as cable:
        said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi, listen_s=5))
    assert said.startswith("who speaks there is no p1: Electricity meter with SML")
    assert 'driver = "sml" in its block' == help_


def test_a_cipher_without_its_key_is_told(tmp_path, pi):
    with simulated("p1", tmp_path / "cable", "--variant", "Luxembourg, in a cipher") as cable:
        said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi, listen_s=11))
    assert "it speaks in a cipher" == said
    assert "from the grid operator" in help_


def test_a_meter_that_does_not_answer_is_told_with_its_wiring(tmp_path, pi):
    with simulated("sdm630", tmp_path / "bus", "--fault", "silence") as bus:
        said, help_ = first(found(tmp_path, HOUSE + device(bus, "sdm630"), root=pi))
    assert "it does not answer" == said
    assert "meterkast drivers sdm630" in help_


def test_a_port_that_is_not_plugged_in_is_told_once(tmp_path, pi):
    said, help_ = first(found(tmp_path, HOUSE + device("/dev/serial/by-id/usb-x"), root=pi))
    assert "the port is not there" == said
    assert help_.startswith("plug it in")


def test_a_port_of_another_program_is_named_with_it(tmp_path, pi, monkeypatch):
    take = "import sys, serial; p = serial.Serial(sys.argv[1], exclusive=True); print(input())"
    # The far end of a pseudo-terminal always has it open; here that is not to matter.
    monkeypatch.setattr(ports, "is_pseudo", lambda _: False)
    with simulated("p1", tmp_path / "cable") as cable:
        command = [sys.executable, "-c", f"{take}  # homeassistant", str(cable)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as taker:
            try:
                until("it has the port", lambda: ports.holder(str(cable)).process == taker.pid)
                findings = found(tmp_path, HOUSE + device(cable), root=pi)
            finally:
                taker.communicate(b"\n")
    port, line = [finding for finding in findings if finding.is_wrong]
    assert f"the port is held by Home Assistant (process {taker.pid})" == port.what
    assert "there" in port.try_
    assert "Home Assistant" in port.try_
    assert line.what.startswith("the line cannot be had: held by Home Assistant")


def test_a_port_without_rights_says_which_group(tmp_path, pi, cable, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: str(path) != str(cable))
    said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi))
    assert "this user may not open the port" == said
    assert "group" in help_


def test_a_folder_in_place_of_a_port_is_told_once(tmp_path, pi):
    assert ("this is no serial port", "meterkast discover") == first(
        found(tmp_path, HOUSE + device(tmp_path), root=pi)
    )


def test_an_address_at_which_somebody_else_listens_is_told(tmp_path, pi, cable):
    with socket.create_server(("127.0.0.1", 0)) as other:
        page = f"127.0.0.1:{other.getsockname()[1]}"
        text = f'{HOUSE}page = "{page}"\n{device(cable)}'
        said, help_ = first(found(tmp_path, text, root=pi))
    assert f"the page cannot listen on {page}: Address already in use" == said
    assert "choose another port" == help_


def test_a_gateway_that_cannot_be_asked_is_known_to_run(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text(HOUSE + device("/dev/serial/by-id/usb-x"))
    with running(Program("gateway", tmp_path, "gateway", "--config", file)):
        told = meterkast("doctor", "--config", file)
    assert "ok     the gateway runs; a page or health address would tell how" in told.stdout
    assert "listening on the lines" not in told.stderr


def test_modem_manager_is_found_where_adapters_are_used(tmp_path, pi):
    plant(pi, "proc/812/comm", "ModemManager\n")
    text = HOUSE + device("/dev/serial/by-id/usb-x")
    wrong = [one.what for one in found(tmp_path, text, root=pi) if one.is_wrong]
    assert "ModemManager runs, and tries modem commands on each adapter" in wrong


@pytest.mark.parametrize(
    ("file", "told"),
    [
        pytest.param(
            ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
            ("The power supply gives too little voltage", "Use the power supply that belongs"),
            id="under-voltage",
        ),
        pytest.param(
            ("sys/class/thermal/thermal_zone0/temp", "81234\n"),
            ("it is too warm: 81 °C", "give it air"),
            id="too warm",
        ),
        pytest.param(
            ("sys/block/mmcblk0/device/life_time", "0x02 0x08\n"),
            ("the card has used 8 tenths of its life", "replace it"),
            id="a worn card",
        ),
    ],
)
def test_what_ails_a_pi_is_found(tmp_path, pi, cable, file, told):
    plant(pi, *file)
    said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi, **RUNS))
    assert (said, help_[: len(told[1])]) == told


def test_a_disk_that_is_nearly_full_is_found(tmp_path, pi, cable, monkeypatch):
    monkeypatch.setattr(machines, "DISK_BYTES_MIN", 2**63)
    said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi, **RUNS))
    assert said.startswith("The card is nearly full: ")
    assert help_.startswith("Clean up")


def test_a_folder_where_nothing_may_be_written_is_found(tmp_path, pi, monkeypatch):
    may = os.access
    folder = str(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != folder and may(path, mode))
    told = found(tmp_path, HOUSE + device("/dev/serial/by-id/x"), root=pi)
    assert ("this user may not write there", folder) in [(one.what, one.where) for one in told]


def test_a_clock_that_was_never_set_is_found(tmp_path, pi, cable):
    said, _ = first(found(tmp_path, HOUSE + device(cable), root=pi, **RUNS, clock=Unset()))
    assert "The clock is not set" == said


def recorded(folder: Path) -> Path:
    """A journal with some records in it."""
    journal = Journal.open(folder, community=None, gateway="home-noor", key=KEY, boot="b")
    for number in range(300):
        elements = [Element(n="hall/x", vs="x" * 200)]
        journal.append(EVIDENCE, QUARTER, elements, moment=Moment(number, number, "synced"))
    journal.commit(Moment(300, 300, "synced"))
    journal.close()
    return folder / "journal.db"


def test_a_damaged_journal_is_found(tmp_path, pi, cable):
    path = recorded(tmp_path / "data")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(8192))
    said, help_ = first(found(tmp_path, HOUSE + device(cable), root=pi, **RUNS))
    assert said.startswith("the journal is damaged: ")
    assert help_.startswith("meterkast gateway: it moves the file aside")


def test_a_record_that_was_changed_is_found(tmp_path, pi, cable):
    db = sqlite3.connect(recorded(tmp_path / "data"))
    with db:
        db.execute(
            "UPDATE record SET data = CAST(replace(data, 'xxxx', 'yyyy') AS BLOB) WHERE seq = 7"
        )
    db.close()
    said, _ = first(found(tmp_path, HOUSE + device(cable), root=pi, **RUNS))
    assert said.endswith(" does not follow record 7")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.create(tmp_path_factory.mktemp("hub") / "tls", community="zonstraat")
    made.broker("127.0.0.1")
    for name in ("home-noor", "home-bram"):
        pair(made, name)
    certificate(made.folder / "gateways" / "late", made, "home-noor", ends=LONG_AGO)
    return made


def member(folder: Path, authority: Authority, port: int, name: str) -> str:
    """The settings of Noor's house, with the certificate of this name."""
    key = folder / "gateway.key"
    if not key.exists():
        SigningKey.create(key)
    own = authority.folder / "gateways" / name
    return (
        'community = "zonstraat"\ngateway = "home-noor"\n'
        f'broker = "mqtts://127.0.0.1:{port}"\nbridge_key = "{KEY.public.x}"\n'
        f'broker_tls = {{ ca = "{authority.certificate}", certificate = "{own}.crt",'
        f' key = "{own}.key" }}\n' + device("/dev/serial/by-id/usb-x")
    )


def of_links(findings: list[Finding]) -> list[tuple[str, str]]:
    """What is wrong beside the port, which is not there."""
    return [(one.what, one.try_) for one in findings if one.is_wrong and "/dev/" not in one.where]


def test_a_bridge_that_is_away_is_found_and_nothing_is_lost(tmp_path, pi, authority, mosquitto):
    text = member(tmp_path, authority, mosquitto.port, "home-noor")
    findings = found(tmp_path, text, root=pi)
    assert [
        (
            "no hub was ever here",
            "nothing is lost meanwhile; ask the co-op whether the bridge runs",
        )
    ] == of_links(findings)
    assert "the broker lets us in, and lets us speak" in [one.what for one in findings]


def test_a_broker_that_swallows_what_we_say_is_found(tmp_path, pi, authority, mosquitto):
    text = member(tmp_path, authority, mosquitto.port, "home-bram")
    denied, *_ = of_links(found(tmp_path, text, root=pi))
    assert f"127.0.0.1:{mosquitto.port} does not let this gateway say anything" == denied[0]
    assert denied[1].startswith("Have whoever keeps the broker look at the rights")


def test_a_broker_that_is_away_is_found(tmp_path, pi, authority):
    text = member(tmp_path, authority, free_port(), "home-noor")
    ((said, _),) = of_links(found(tmp_path, text, root=pi))
    assert "no connection: nobody listens there" == said


def test_a_certificate_that_is_over_is_found_before_the_broker_refuses_it(
    tmp_path, pi, authority, mosquitto
):
    text = member(tmp_path, authority, mosquitto.port, "late")
    (certificate_, broker) = of_links(found(tmp_path, text, root=pi))
    assert "The certificate late.crt ends on 2021-03-04" == certificate_[0]
    assert certificate_[1].startswith("Ask the co-op for a new certificate")
    assert broker[0].startswith("no connection: ")
    assert broker[1].startswith("ask the co-op for a code (meterkast hub invite), then")


def test_settings_with_mistakes_are_told_each_with_its_line(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('gatway = "home"\n' + device("/dev/ttyUSB0", "p2"))
    told = meterkast("doctor", "--config", file)
    assert 1 == told.returncode
    assert "try:   did you mean gateway?" in told.stdout
    assert f"where: {file} line 3: device.hall.driver" in told.stdout
    assert told.stdout.endswith("4 wrong, 0 in order\n")


def test_a_running_gateway_keeps_its_lines_and_tells_what_it_knows(tmp_path):
    file, port = tmp_path / "gateway.toml", free_port()
    with simulated("p1", tmp_path / "cable") as cable:
        file.write_text(
            f'gateway = "home"\nhealth = "127.0.0.1:{port}"\n'
            + device(cable)
            + device("/dev/serial/by-id/usb-x", name="gone")
        )
        with running(Program("gateway", tmp_path, "gateway", "--config", file)):
            told = meterkast("doctor", "--config", file, "--json")
        findings = [json.loads(line) for line in told.stdout.splitlines()]
    assert "the gateway runs" in [finding["what"] for finding in findings]
    lost = "gone cannot be reached: there is no such port"
    (told_of_it,) = [finding for finding in findings if finding["what"] == lost]
    assert "its plugs and its power; what is said here of its port" == told_of_it["try_"]
    assert not [finding for finding in findings if finding["where"] == f"hall: {cable}"]


ADAPTER, METER_KEY = "A5XK3RJT", "00112233445566778899aabbccddeeff"
SECRETS = {
    "a password": "geheim-wachtwoord",
    "a meter's key": METER_KEY,
    "a serial number": "E0047000012345607",
    "an adapter's number": ADAPTER,
    "a comment": "Noor de Vries, Zonstraat 7",
}


def test_a_bundle_tells_what_was_found_and_no_secret(tmp_path):
    bundle, file = tmp_path / "for-the-helper.tar.gz", tmp_path / "gateway.toml"
    with simulated("p1", tmp_path / "cable") as cable:
        file.write_text(
            f"# {SECRETS['a comment']}\n"
            f'gateway = "home"\nhome_broker = "mqtt://noor:{SECRETS["a password"]}@127.0.0.1:1"\n'
            + device(cable)
            + device(f"/dev/serial/by-id/usb-FTDI_{ADAPTER}-if00", name="roof")
            + f'key = "{METER_KEY}"\n'
        )
        told = meterkast("doctor", "--config", file, "--bundle", bundle)
    assert f"written to {bundle}: findings.json, versions.json, gateway.toml" in told.stderr
    with tarfile.open(bundle) as archive:
        texts = {member.name: archive.extractfile(member).read().decode() for member in archive}
    whole = "".join(texts.values())
    assert [] == [what for what, secret in SECRETS.items() if secret in whole]
    assert "it speaks: 37 registers" in texts["meterkast/findings.json"]
    assert 'driver = "p1"' in texts["meterkast/gateway.toml"]
    assert "mqtt://…@127.0.0.1:1" in texts["meterkast/gateway.toml"]
