"""`meterkast scale watch`: what a scale says, line by line, and what to try where it is silent."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from drivers import sdk
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Line, Send, SetLine, Wait
from gateway.contract.errors import ConfigError, LineLost, Unreachable, UsageError
from gateway.tools import hearing, scale
from gateway.tools.hearing import Heard, Hearing

MTSICS = sdk.load("mtsics")


class Pipe:
    """A port whose far end is here; what was sent to the device is kept."""

    def __init__(self):
        self._reader, self.far = os.pipe()
        self.sent = []
        self.lines = []

    def fileno(self):
        return self._reader

    def read(self):
        chunk = os.read(self._reader, 4096)
        if not chunk:
            raise LineLost("the other end hung up")
        return chunk

    def write(self, data):
        self.sent.append(data)

    def set_line(self, line):
        self.lines.append(line)

    def close(self):
        os.close(self._reader)
        os.close(self.far)


@pytest.fixture
def pipe():
    made = Pipe()
    yield made
    made.close()


def test_what_was_said_is_heard_with_its_bytes_and_noise_too(pipe):
    heard = Hearing(pipe, MTSICS.open({}))
    assert heard.hear(0) == []
    assert pipe.sent
    os.write(pipe.far, b"garbage\r\nS S     3.425 kg\r\n")
    noise, weight = heard.hear(1)
    assert b"garbage\r\n" == noise.raw
    assert b"S S     3.425 kg\r\n" == weight.raw
    assert 3_425_000 == weight.message.readings[0].value


class Asking:
    """A session that asks every so often."""

    def timeout(self):
        return [Send(b"?"), SetLine(Line(300)), Wait(0.01)]


def test_a_scale_that_is_asked_is_asked_again_when_its_time_is_up(pipe):
    heard = Hearing(pipe, Asking())
    assert heard.hear(0.05) == []
    assert [b"?", b"?"] == pipe.sent[:2]
    assert Line(300) == pipe.lines[0]


def test_what_came_meanwhile_is_forgotten(pipe):
    heard = Hearing(pipe, MTSICS.open({}))
    heard.hear(0)
    os.write(pipe.far, b"S S     3.425 kg\r\n" * 100)
    heard.drain()
    assert 1_800 == heard.bytes
    assert heard.hear(0) == []


def test_a_line_that_hangs_up_is_lost():
    made = Pipe()
    heard = Hearing(made, MTSICS.open({}))
    heard.hear(0)
    os.close(made.far)
    with pytest.raises(LineLost, match="hung up"):
        heard.hear(1)
    os.close(made.fileno())


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"S S     3.425 kg\r\n", r"S S     3.425 kg\r\n"),
        (b"\x02  12345\r", r"\x02  12345\r"),
        (b"\\\t\xff text of a scale", r"\\\t\xff text of a scale"),
        (bytes(range(0x80, 0x90)), "80 81 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f"),
        (b"x" * 100, "x" * 80 + " …"),
        (b"", ""),
    ],
)
def test_bytes_are_shown_as_text_where_they_are_text(raw, text):
    assert text == hearing.shown(raw)


LINES = b"S S     3.425 kg\r\n" * 4
EVEN = bytes(byte | (byte.bit_count() & 1) << 7 for byte in LINES)
ODD = bytes(byte | (~byte.bit_count() & 1) << 7 for byte in LINES)


@pytest.mark.parametrize(
    ("sample", "line", "hint"),
    [
        (EVEN, Line(9600), '--line "9600 7E1"'),
        (ODD, Line(2400), '--line "2400 7O1"'),
        (EVEN, Line(9600, "7E1"), "no text: another speed or frame? Try 9600 8N1"),
        (bytes(range(0x80, 0x100)), Line(9600), "no text: another speed or frame? Try"),
        (b"W 1 kg, and more\r\n" * 4, Line(9600), "another output format at the scale, or write a"),
        (b"SI        3.425 kg \r\n" * 4, Line(9600), "does not know these lines; scale may"),
    ],
)
def test_what_is_not_understood_gets_a_hint(sample, line, hint):
    assert hint in hearing.noise(sample, line, MTSICS)


def test_usual_lines_are_named_but_not_the_one_that_was_tried():
    hint = hearing.noise(b"\x80\x99\xff\x00" * 20, Line(4800, "7E1"), MTSICS)
    assert "9600 7E1" in hint.partition("Try ")[2]
    assert "4800 7E1" not in hint.partition("Try ")[2]


@pytest.mark.parametrize(
    ("driver", "hint"), [("mtsics", "2 and 3 swapped"), ("hx711", "is the chip wired")]
)
def test_silence_gets_a_hint(driver, hint):
    assert hint in hearing.silence(sdk.load(driver))


def _heard(doubt="unchecked", faults=()):
    readings = (Reading("net", -3_425_000, "mg", None, "", None, doubt),) if not faults else ()
    return Heard(Message(0, b"S S    -3.425 kg\r\n", readings, faults), b"S S    -3.425 kg\r\n")


@pytest.mark.parametrize(
    ("doubt", "steady"),
    [("unchecked", "stable"), ("", "stable"), ("unstable", "moving"), ("unjudged", "not judged")],
)
def test_a_line_is_told_with_weight_and_steadiness(capsys, doubt, steady):
    teller = scale._Teller(as_json=False)
    teller.tell(_heard(doubt))
    assert rf"S S    -3.425 kg\r\n              net -3.425 kg, {steady}" in capsys.readouterr().out
    assert (1, 0) == (teller.weights, teller.faults)


def test_the_same_line_is_not_told_ten_times_a_second(capsys):
    teller = scale._Teller(as_json=False)
    teller.tell(_heard())
    teller.tell(_heard())
    assert 1 == len(capsys.readouterr().out.splitlines())
    assert 2 == teller.weights


def test_json_has_every_line_with_raw_hex_readings_and_faults(capsys):
    teller = scale._Teller(as_json=True)
    teller.tell(_heard())
    teller.tell(_heard(faults=(Fault("over", 0, 18, "too much"),)))
    weight, fault = map(json.loads, capsys.readouterr().out.splitlines())
    assert ("net", -3_425_000, "mg") == tuple(weight["readings"][0].values())[:3]
    assert (r"S S    -3.425 kg\r\n", "stable") == (weight["raw"], weight["steady"])
    assert b"S S    -3.425 kg\r\n".hex() == weight["hex"]
    assert ("over", "too much", "") == (
        fault["faults"][0]["fault"],
        fault["faults"][0]["detail"],
        fault["steady"],
    )


CONFIG = """\
gateway = "point"

[device.meter]
driver = "p1"
port = "/dev/serial/by-id/meter"

[device.platform]
driver = "mtsics"
port = "{port}"
line = "2400 7E1"
"""


def test_the_only_scale_of_a_configuration_is_the_one_that_is_meant(tmp_path):
    (tmp_path / "gateway.toml").write_text(CONFIG.format(port="/dev/serial/by-id/scale"))
    target = scale._configured(None, tmp_path / "gateway.toml", None)
    assert ("mtsics", Line(2400, "7E1")) == (target.device.name, target.line)
    other = scale._configured("platform", tmp_path / "gateway.toml", "4800 8N1")
    assert Line(4800) == other.line


@pytest.mark.parametrize("name", ["meter", "nobody"])
def test_what_is_no_scale_is_refused_with_those_that_are(tmp_path, name):
    (tmp_path / "gateway.toml").write_text(CONFIG.format(port="/dev/serial/by-id/scale"))
    with pytest.raises(UsageError, match="scales here: platform"):
        scale.watch(name, config=tmp_path / "gateway.toml")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"driver": "mtsics"}, "no port"),
        ({"driver": "mtsisc", "port": "/dev/null"}, "no driver"),
        ({"driver": "p1", "port": "/dev/null"}, "p1 is no scale"),
        ({"driver": "mtsics", "port": "/dev/null", "line": "fast"}, "not a speed"),
        ({"driver": "scale", "port": "/dev/null"}, "no map"),
        ({"driver": "scale", "port": "/dev/null", "own": ("map=/nowhere",)}, "cannot be read"),
    ],
)
def test_a_wrong_use_says_what_to_do(more, what):
    with pytest.raises(UsageError, match=what):
        scale.watch(**more)


def test_a_port_that_is_not_there_is_unreachable(tmp_path, capsys):
    with pytest.raises(Unreachable, match="no such port"):
        scale.watch(driver="mtsics", port=str(tmp_path / "none"))


def test_a_configuration_with_a_mistake_is_told_as_such(tmp_path):
    (tmp_path / "gateway.toml").write_text("gateway = 1")
    with pytest.raises(ConfigError):
        scale.watch(config=tmp_path / "gateway.toml")


def test_a_map_that_says_another_speed_than_the_block_is_pointed_out(capsys):
    driver = sdk.load("scale")
    own = {"map": driver.examples[2].settings["map"]}
    scale._note(scale.Target(driver, own, "/dev/x", Line(9600), "x"))
    assert "hint: the map says 4800 7E2" in capsys.readouterr().err


class Sim:
    """`meterkast sim` as a process of its own."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "sim", *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=10)


def _watched(*args, lines=1, seconds=30):
    """What `scale watch` said until it was interrupted, and how it ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "scale", "watch", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        too_long = threading.Timer(seconds, watch.kill)
        too_long.start()
        stream = watch.stderr if lines == 0 else watch.stdout
        told = []
        while not (len(told) >= lines > 0) and "hint" not in "".join(told):
            line = stream.readline()
            if not line:
                break
            told.append(line)
        watch.send_signal(signal.SIGINT)
        _, talk = watch.communicate(timeout=10)
        too_long.cancel()
        return told, talk, watch.returncode


@pytest.mark.system
def test_a_real_scale_is_watched_by_its_configuration_until_ctrl_c(tmp_path):
    with Sim("mtsics", "--port", tmp_path / "port") as sim:
        (tmp_path / "gateway.toml").write_text(CONFIG.format(port=sim.port))
        told, talk, code = _watched("--config", tmp_path / "gateway.toml", "--json", lines=4)
    registers = {r["register"] for line in told for r in json.loads(line)["readings"]}
    assert registers & {"net", "gross"}
    assert 0 == code
    assert " weights, " in talk
    assert "Traceback" not in talk


@pytest.mark.system
def test_a_scale_of_7e1_on_a_line_of_8n1_is_told_the_line_to_try(tmp_path):
    with Sim("mtsics", "--port", tmp_path / "port", "--fault", "parity") as sim:
        told, _, code = _watched("--driver", "mtsics", "--port", sim.port, lines=0)
    assert '--line "9600 7E1"' in told[-1]
    assert 0 == code


class Interrupted(scale._Teller):
    """As if somebody pressed Ctrl-C at the first hint."""

    def hint(self, text):
        super().hint(text)
        raise KeyboardInterrupt


def _hinted(pipe, monkeypatch, capsys):
    monkeypatch.setattr(hearing, "SILENT_S", 0.05)
    monkeypatch.setattr(hearing, "NOISE_S", 0.0)
    target = scale.Target(MTSICS, {}, "/dev/x", Line(9600), "x")
    with pytest.raises(KeyboardInterrupt):
        scale._serve(Hearing(pipe, MTSICS.open({})), target, Interrupted(as_json=False))
    return capsys.readouterr().err


def test_a_scale_that_says_nothing_is_hinted_at(pipe, monkeypatch, capsys):
    assert "hint: nothing heard for" in _hinted(pipe, monkeypatch, capsys)


def test_a_scale_that_is_not_understood_is_hinted_at(pipe, monkeypatch, capsys):
    os.write(pipe.far, b"no scale says this\r\n" * 8)
    assert "hint: mtsics does not know these lines" in _hinted(pipe, monkeypatch, capsys)
