"""`meterkast capture`: what goes over a line, in a file, whatever ends it."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import sdk
from gateway.contract.errors import Unreachable, UsageError
from gateway.tools.capture import Writer, capture
from gateway.tools.captures import Piece, pieces

TELEGRAM = sdk.load("p1").examples[0].stream
LISTENING = "115200 8N1"


class Meter:
    """Says `said` every few milliseconds, and answers whatever it is asked with `answer`."""

    def __init__(self, said: bytes = b"", answer: bytes = b"") -> None:
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.port = os.ttyname(self.theirs)
        self.said, self.answer = said, answer
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        rest = self.said
        while not self._ends.wait(0.01):
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self.ours, rest) :] or self.said
            with contextlib.suppress(BlockingIOError):
                os.read(self.ours, 4096)
                os.write(self.ours, self.answer)

    def close(self) -> None:
        self._ends.set()
        self._thread.join(5)
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def meter() -> Iterator[Meter]:
    made = Meter(said=TELEGRAM)
    yield made
    made.close()


@pytest.fixture
def scale() -> Iterator[Meter]:
    made = Meter(answer=b"S S      1.000 kg\r\n")
    yield made
    made.close()


def _read(file: Path) -> list[Piece]:
    with file.open("rb") as stream:
        return list(pieces(stream, str(file)))


def test_a_port_is_captured_byte_by_byte(meter: Meter, tmp_path: Path) -> None:
    file = tmp_path / "hall.capture"
    assert capture(meter.port, driver="p1", seconds=0.3, out=file) == 0
    said = b"".join(piece.rx for piece in _read(file))
    assert len(said) > len(TELEGRAM)
    assert said in TELEGRAM * 100
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_asked_is_captured_as_well(scale: Meter, tmp_path: Path) -> None:
    file = tmp_path / "scale.capture"
    assert capture(scale.port, driver="mtsics", seconds=0.3, out=file) == 0
    first, second = _read(file)[:2]
    assert first.tx == b"SI\r\n"
    assert second.rx == b"S S      1.000 kg\r\n"


def test_a_device_of_the_configuration_is_captured_at_its_own_line(
    scale: Meter, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    config = tmp_path / "gateway.toml"
    block = f'driver = "mtsics"\nport = "{scale.port}"\nline = "4800 7E1"\n'
    config.write_text(f'gateway = "point"\n[device.scale]\n{block}')
    assert capture("scale", config=config, seconds=0.2) == 0
    head, line, *_ = capsysbinary.readouterr().out.splitlines()
    assert head.startswith(b'{"capture":1,"device":"scale","driver":"mtsics","began":"')
    assert line.endswith(b'"line":"4800 7E1"}')


def test_an_unknown_device_is_told_those_that_there_are(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('gateway = "h"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/9999"\n')
    with pytest.raises(UsageError, match="devices here: hall; or a port"):
        capture("attic", config=config)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "nobody says how to listen to this port"),
        ({"line": "fast"}, "'fast' is not a speed and a frame"),
        ({"driver": "p2"}, "no driver is called 'p2'"),
        ({"driver": "p1", "own": ("colour=red",)}, "p1 has no setting 'colour'"),
    ],
    ids=["nothing", "line", "driver", "setting"],
)
def test_a_port_must_be_known_how_to_listen_to(given: dict[str, str], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        capture("/dev/pts/9999", **given)


def test_a_port_that_cannot_be_had_is_told_why() -> None:
    with pytest.raises(Unreachable, match="there is no such port"):
        capture("/dev/pts/9999", line=LISTENING)


def test_each_piece_is_in_the_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "hall.capture"
    with file.open("wb") as stream:
        Writer(stream).note("rx", "2f")
        assert file.read_bytes().endswith(b',"rx":"2f"}\n')


def test_silence_is_told(tmp_path: Path) -> None:
    silent = Meter()
    file = tmp_path / "none"
    with pytest.raises(Unreachable, match="nothing was heard on /dev/pts/"):
        capture(silent.port, line=LISTENING, seconds=0.05, out=file)
    assert not file.exists()
    silent.close()


def test_no_file_is_written_over(meter: Meter, tmp_path: Path) -> None:
    file = tmp_path / "hall.capture"
    file.write_text("dear to somebody")
    with pytest.raises(UsageError, match=r"hall\.capture already"):
        capture(meter.port, line=LISTENING, out=file)
    assert file.read_text() == "dear to somebody"


def test_a_disk_that_is_full_is_told(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        stdout = type("Stdout", (), {"buffer": full, "flush": lambda _: None})()
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(Unreachable, match="cannot be written: No space left on device"):
            capture(meter.port, line=LISTENING, seconds=5)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -9)], ids=["Ctrl-C", "killed"]
)
def test_whatever_ends_it_what_was_captured_stays(
    meter: Meter, tmp_path: Path, number: int, code: int
) -> None:
    file = tmp_path / "hall.capture"
    command = [sys.executable, "-m", "gateway", "capture", meter.port]
    with subprocess.Popen([*command, "--line", LISTENING, "--out", file]) as process:
        while not file.exists() or file.stat().st_size < 10_000:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(10) == code
    said = b"".join(piece.rx for piece in _read(file))
    assert len(said) > 2000
    assert said in TELEGRAM * 1000
