"""`meterkast scale calibrate`: two points through which a line can be drawn, or no file at all."""

import datetime as dt
import io
import signal
import struct
import subprocess
import sys

import pytest
import serial

from drivers import sdk
from drivers.reading import Message
from drivers.wire import calibration as calibrations
from gateway.contract.errors import ConfigError, PeopleError, Unreachable, UsageError
from gateway.tools import calibrate
from gateway.tools.calibrate import Block, Point
from gateway.tools.hearing import Heard

FRAME = struct.Struct("<4sQIIHBB")


class Cell:
    """A load cell heard ten times a second of its own time: `counts` one after the other.

    The last one stays for ever. `drain` is called when the next point is asked for.
    """

    def __init__(self, *points, gain=128, clock_us=20):
        self._points = [list(point) for point in points]
        self._session = sdk.load("hx711").open({})
        self._at_ms = 0
        self._gain, self._clock_us = gain, clock_us
        self._point = []

    def drain(self):
        self._point = self._points.pop(0)

    def hear(self, seconds):
        del seconds  # its time is its own
        if not self._point:
            return []
        told = []
        while not told:
            counts = self._point.pop(0) if len(self._point) > 1 else self._point[0]
            self._at_ms += 100
            raw = FRAME.pack(
                b"\xb1HX\x8e",
                self._at_ms * 10**6,
                counts % 2**24,
                self._gain,
                self._clock_us,
                0,
                0,
            )
            told = [one for one in self._session.feed(raw) if isinstance(one, Message)]
        return [Heard(one, one.raw) for one in told]


def _measured(cell, answers="\n\n", *, asks=True, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
    return calibrate.measure(cell, "20 kg", "door", asks=asks)


def test_two_points_are_measured_once_each_stands_still(monkeypatch, capsys):
    swings = [0, 4_000_000, -4_000_000, 1_000_000] * 8
    cell = Cell([*swings, -83_215], [*swings, 1_716_785])
    empty, loaded = _measured(cell, monkeypatch=monkeypatch)
    assert Point(-83_215, 0, 128) == empty
    assert Point(1_716_785, 0, 128) == loaded
    said = capsys.readouterr().err
    assert "Take everything off the plate. Then press Enter." in said
    assert "Put 20 kg on the plate" in said


def test_without_questions_the_weight_is_awaited(monkeypatch):
    cell = Cell([-83_215], [-83_215] * 100 + [1_716_785])
    empty, loaded = _measured(cell, "", asks=False, monkeypatch=monkeypatch)
    assert (-83_215, 1_716_785) == (empty.counts, loaded.counts)


@pytest.mark.parametrize(
    ("empty", "loaded", "what"),
    [
        ([-83_215], [-83_215], "the same counts with 20 kg as without: 0 apart"),
        ([-83_215], [-83_215 + 999], "the same counts"),
        ([-83_215], [-83_215 + 41_900], "too small a part of the range: 41900 of 8388607"),
        (
            [-83_215, -82_700] * 100,
            [16_785, 16_900] * 100,
            "unsteady: the counts wander by",
        ),
    ],
)
def test_points_that_say_nothing_are_refused(monkeypatch, empty, loaded, what):
    with pytest.raises(PeopleError, match=what):
        _measured(Cell(empty, loaded), monkeypatch=monkeypatch)


def test_a_weight_that_bends_the_cell_just_enough_is_taken(monkeypatch):
    _, loaded = _measured(Cell([100], [100 + 41_944]), monkeypatch=monkeypatch)
    assert 42_044 == loaded.counts


def test_a_plate_that_never_rests_is_given_up_after_a_minute(monkeypatch):
    restless = [n * 1_000 for n in range(2_000)]
    with pytest.raises(PeopleError, match="not at rest within 60 s: the counts wander by"):
        _measured(Cell(restless), monkeypatch=monkeypatch)


def test_a_weight_that_never_comes_is_given_up_after_a_minute(monkeypatch):
    with pytest.raises(PeopleError, match="stay those of the empty plate"):
        _measured(Cell([500_000], [500_000]), "", asks=False, monkeypatch=monkeypatch)


def test_a_clock_that_is_always_too_slow_is_named(monkeypatch):
    with pytest.raises(PeopleError, match="overrun: the clock was high for 140 us"):
        _measured(Cell([500_000], clock_us=140), monkeypatch=monkeypatch)


def test_a_cell_that_says_nothing_is_unreachable(monkeypatch):
    with pytest.raises(Unreachable, match="nothing heard"):
        _measured(Cell([]), monkeypatch=monkeypatch)


def test_a_gain_that_changed_meanwhile_is_refused():
    with pytest.raises(PeopleError, match="gain was changed"):
        calibrate.judge(Point(0, 0, 128), Point(10**6, 0, 64), "20 kg", "door")


def test_nobody_at_the_keyboard_is_told_of_yes(monkeypatch):
    with pytest.raises(UsageError, match="--yes"):
        _measured(Cell([0], [10**6]), "", monkeypatch=monkeypatch)


BLOCK = """\
gateway = "point"
[device.door]
driver = "hx711"
port = "hx711:5,6"
capacity = "60 kg"
calibration = "later.toml"
[device.new]
driver = "hx711"
port = "hx711:5,6"
[device.till]
driver = "mtsics"
port = "/dev/serial/by-id/scale"
[device.portless]
driver = "hx711"
"""


def test_the_file_of_a_block_need_not_be_there_yet(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text(BLOCK)
    assert Block("hx711:5,6", 60_000_000, tmp_path / "later.toml", "") == calibrate.find(
        "door", config
    )
    assert ("new.calibration.toml", 'calibration = "new.calibration.toml"') == (
        calibrate.find("new", config).file.name,
        calibrate.find("new", config).key,
    )


@pytest.mark.parametrize(
    ("name", "error", "what"),
    [
        ("gate", UsageError, "no device 'gate'(.|\n)*door, new, till"),
        ("till", UsageError, "calibrated at the scale itself"),
        ("portless", ConfigError, "no port"),
    ],
)
def test_what_cannot_be_calibrated_says_why(tmp_path, name, error, what):
    config = tmp_path / "gateway.toml"
    config.write_text(BLOCK)
    with pytest.raises(error, match=what):
        calibrate.calibrate(name, "20 kg", config, asks=False)


def test_a_configuration_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        calibrate.find("door", tmp_path / "gateway.toml")


@pytest.mark.parametrize(
    ("weight", "what"),
    [
        ("20 lb", "is no weight"),
        ("0 kg", "is no weight"),
        ("-5 kg", "is no weight"),
        ("5.999 kg", "too small a part of the capacity(.|\n)*at least 6.000 kg"),
        ("60.001 kg", "more than the capacity"),
    ],
)
def test_a_weight_that_says_too_little_about_the_range_is_refused(tmp_path, weight, what):
    with pytest.raises(UsageError, match=what):
        calibrate.heavy_enough(weight, Block("", 60_000_000, tmp_path, ""))


@pytest.mark.parametrize(("weight", "mg"), [("6 kg", 6_000_000), ("60 kg", 60_000_000)])
def test_a_tenth_of_the_capacity_and_all_of_it_are_enough(tmp_path, weight, mg):
    assert mg == calibrate.heavy_enough(weight, Block("", 60_000_000, tmp_path, ""))


KNOWN = calibrations.Calibration("door", "2026-11-25", 128, -100, 20_000_000, 1_900_000)


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_nothing_is_written_without_a_yes(tmp_path, monkeypatch, capsys, answer):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    file = tmp_path / "door.toml"
    assert 1 == calibrate._write(KNOWN, Block("", 0, file, ""), asks=True)
    assert not file.exists()
    assert KNOWN.text() in capsys.readouterr().out


def test_what_is_written_is_what_was_shown_and_replaces_the_old_whole(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    file = tmp_path / "door.toml"
    file.write_text("old")
    assert 0 == calibrate._write(KNOWN, Block("", 0, file, 'calibration = "door.toml"'), asks=True)
    assert KNOWN.text() == file.read_text()
    assert [file] == list(tmp_path.iterdir())
    shown = capsys.readouterr()
    assert KNOWN.text() in shown.out
    assert 'add to [device.door]: calibration = "door.toml"' in shown.err


def test_a_folder_that_may_not_be_written_to_is_told(tmp_path):
    with pytest.raises(PeopleError, match="cannot be written"):
        calibrate._write(KNOWN, Block("", 0, tmp_path / "no" / "door.toml", ""), asks=False)


@pytest.fixture
def simulated(tmp_path):
    """A cell that is not calibrated, as a process of its own; gives its port."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "gateway", "sim", "hx711"),
            *("--variant", "not calibrated", "--port", str(tmp_path / "cell")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as sim:
        yield sim.stdout.readline().strip()
        sim.send_signal(signal.SIGTERM)


def _calibrated(tmp_path, port):
    config = tmp_path / "gateway.toml"
    config.write_text(f'gateway = "p"\n[device.door]\ndriver = "hx711"\nport = "{port}"\n')
    return subprocess.run(
        [
            *(sys.executable, "-m", "gateway", "scale", "calibrate", "door"),
            *("--weight", "5", "kg", "--yes", "--config", str(config)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.system
def test_a_real_process_calibrates_a_simulated_cell_from_plate_to_file(tmp_path, simulated):
    done = _calibrated(tmp_path, simulated)
    assert (0, "") == (done.returncode, "".join(done.stderr.partition("Traceback")[1:]))
    text = (tmp_path / "door.calibration.toml").read_text()
    assert text in done.stdout
    known = calibrations.read(text)
    assert (128, 5_000_000, "door") == (known.gain, known.mass_mg, known.scale)
    assert abs((dt.date.fromisoformat(known.date) - dt.datetime.now(dt.UTC).date()).days) <= 1
    # One of the points is the empty plate of the simulator, within its noise.
    assert min(abs(known.empty + 83_215), abs(known.loaded + 83_215)) <= 20


@pytest.mark.system
def test_a_cell_that_a_gateway_reads_is_left_alone_and_the_gateway_is_named(tmp_path, simulated):
    with serial.Serial(simulated, exclusive=True):
        done = _calibrated(tmp_path, simulated)
    assert 4 == done.returncode
    assert "error: held by" in done.stderr
    assert "(process " in done.stderr
    assert not (tmp_path / "door.calibration.toml").exists()
