"""A recycling point of buttons, lamps and a buzzer, on the pins of gpiozero's mock."""

import asyncio
import itertools
import sys

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from structlog.testing import capture_logs

from drivers.reading import Message, Reading
from gateway import config, run
from gateway.contract import record
from gateway.contract.errors import ConfigError
from gateway.contract.keys import SigningKey
from gateway.contract.settings import parse
from gateway.health import health
from gateway.kiosk import panel as panels
from gateway.kiosk.events import Cancel, Choose, Confirm, Pieces
from gateway.kiosk.panel import Panel
from gateway.kiosk.sentences import SENTENCES
from gateway.kiosk.settings import PanelSettings
from gateway.kiosk.signals import (
    HEARD,
    KEPT,
    SILENCE,
    TURNED_AWAY,
    USUAL,
    Lamps,
    events_of,
    lamps_of,
    sounds_of,
)
from gateway.kiosk.view import Slip, View
from tests.kiosk import BO, BRIDGE, NOOR, STEWARD, Bench

PINS = """\
buttons = { glass = 17, lamps = 18, paint = 24, oil = 25 }
confirm = 22
cancel = 23
green = 5
amber = 6
red = 13
buzzer = 19
"""
SETTINGS = parse(PINS, PanelSettings, name="panel")
BUTTONS = {"glass": 17, "lamps": 18, "paint": 24, "oil": 25, "confirm": 22, "cancel": 23}
LOOK_MS, WEIGH_MS = 20, 240


class Street:
    """A bench with its panel; time passes in looks, and what lamps and buzzer did is noted."""

    def __init__(self, bench, factory):
        self.bench = bench
        self._factory = factory
        self.panel = Panel(bench.point, SETTINGS, real_ms=lambda: bench.now_ms)
        self.seen = []
        self.lies_mg, self.doubt = None, "unchecked"

    def pin(self, number):
        return self._factory.pin(number)

    def wait(self, ms):
        """The scale goes on saying what lies there."""
        self.seen = []
        for _ in range(ms // LOOK_MS):
            self.bench.wait(LOOK_MS)
            if self.lies_mg is not None and self.bench.now_ms % WEIGH_MS < LOOK_MS:
                said = Reading("net", self.lies_mg, "mg", None, "B4271", None, self.doubt)
                self.bench.point.hear("scale", Message(0, b"S", (said,)))
            self.panel.look()
            self.seen.append(tuple(self.pin(number).state for number in (5, 6, 13, 19)))

    def lamps(self):
        """Of the last wait: each lamp on, off, or blinking so many times."""
        told = {}
        for name, column in zip(
            ("green", "amber", "red"), zip(*self.seen, strict=True), strict=False
        ):
            rises = sum(b and not a for a, b in itertools.pairwise(column))
            told[name] = "on" if all(column) else "off" if not any(column) else rises
        return told

    def buzzes(self):
        """Of the last wait: how long the buzzer sounded, each time."""
        column = [seen[3] for seen in self.seen]
        return [len(list(run)) * LOOK_MS for is_on, run in itertools.groupby(column) if is_on]

    def weigh(self, net_mg, *, doubt="unchecked"):
        """So much lies there from now on; for a second and a half it is looked at."""
        self.lies_mg, self.doubt = net_mg, doubt
        self.wait(1_500)

    def tap(self, number=NOOR):
        """A second after whatever was before."""
        self.wait(1_100)
        self.bench.tap(number, after_ms=0)
        self.wait(1_000)

    def press(self, button, *, for_ms=100, then_ms=1_000):
        pin = self.pin(BUTTONS[button])
        pin.drive_low()
        self.wait(for_ms)
        pin.drive_high()
        before = self.seen
        self.wait(then_ms)
        self.seen = before + self.seen


@pytest.fixture
def factory(monkeypatch):
    mock = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", mock)
    return mock


@pytest.fixture
def street(tmp_path, factory):
    return Street(Bench(tmp_path), factory)


OFF = {"green": "off", "amber": "off", "red": "off"}


def _deposits(street):
    return street.bench.records(record.DEPOSIT)


def test_a_whole_deposit_by_buttons_card_and_lamps_alone(street):
    street.wait(1_000)
    assert street.lamps() == OFF | {"red": "on"}  # nobody has heard the scale yet
    street.weigh(0)
    street.wait(1_000)
    assert street.lamps() == OFF | {"green": "on"}
    street.weigh(3_250_000, doubt="unstable")
    street.wait(1_000)
    assert street.lamps() == OFF | {"amber": 1}
    street.weigh(3_250_000)
    street.wait(1_000)
    assert street.lamps() == OFF | {"amber": "on"}
    assert street.buzzes() == []
    street.press("glass")
    assert street.buzzes() == [100]
    street.wait(1_000)
    assert street.lamps() == OFF | {"amber": "on"}
    assert _deposits(street) == []
    street.tap(NOOR)
    assert len(_deposits(street)) == 1
    assert street.buzzes() == [100, 100]
    street.wait(1_000)
    assert street.lamps() == {"green": 2, "amber": "on", "red": "off"}
    street.weigh(0)
    street.wait(1_000)
    assert street.lamps() == OFF | {"green": 2}
    street.wait(21_000)
    street.wait(1_000)
    assert street.lamps() == OFF | {"green": "on"}


def test_the_same_button_again_confirms(street):
    street.weigh(0)
    street.tap(NOOR)
    street.press("glass")
    street.weigh(3_250_000)
    street.wait(1_000)
    assert _deposits(street) == []
    street.press("glass")
    assert len(_deposits(street)) == 1


def test_the_button_to_confirm_confirms(street):
    street.weigh(0)
    street.tap(NOOR)
    street.press("glass")
    street.weigh(3_250_000)
    street.wait(1_000)
    street.press("confirm")
    assert len(_deposits(street)) == 1


def test_the_button_to_cancel_forgets_what_was_said(street):
    street.weigh(0)
    street.press("glass")
    street.press("cancel")
    assert street.bench.point.view().fraction == ""


def test_a_card_is_heard_once(street):
    street.weigh(0)
    street.tap(NOOR)
    assert street.buzzes() == [100]
    street.wait(1_000)
    assert street.buzzes() == []


def test_what_is_turned_away_is_red_and_loud(street):
    street.weigh(0)
    street.tap(NOOR)
    street.tap(BO)
    assert street.bench.point.view().word == "two_cards"
    assert street.buzzes() == [600]
    street.wait(1_000)
    assert street.lamps() == OFF | {"red": "on"}


def test_a_button_for_what_is_not_taken_in_blinks_red_for_a_moment(street):
    street.weigh(0)
    street.press("oil")
    assert street.bench.point.view().word == "not_offered"
    assert street.buzzes() == [600]
    street.wait(1_000)
    assert street.lamps() == {"green": "off", "amber": "on", "red": 1}


def test_a_long_sound_is_heard_to_its_end(street):
    street.weigh(0)
    street.press("oil", then_ms=100)
    begun = street.seen
    street.press("glass")
    street.seen = begun + street.seen
    assert street.bench.point.view().fraction == "glass"
    assert street.buzzes() == [600]


def test_each_press_of_a_button_for_pieces_counts_one(street):
    street.weigh(0)
    street.tap(NOOR)
    for _ in range(3):
        street.press("lamps")
        assert street.buzzes() == [100]
    assert street.bench.point.view().pieces == 3
    street.press("confirm")
    assert len(_deposits(street)) == 1
    street.press("lamps")
    assert street.bench.point.view().pieces == 1


def test_a_button_that_is_held_down_counts_once(street):
    street.weigh(0)
    street.press("lamps", for_ms=5_000)
    assert street.bench.point.view().pieces == 1


def test_a_contact_that_bounces_counts_once(street):
    street.weigh(0)
    pin = street.pin(18)
    for _ in range(3):
        pin.drive_low()
        street.wait(20)
        pin.drive_high()
        street.wait(20)
    assert street.bench.point.view().fraction == ""
    street.press("lamps")
    for _ in range(3):
        pin.drive_low()
        street.wait(20)
        pin.drive_high()
        street.wait(20)
    assert street.bench.point.view().pieces == 1


def test_a_button_that_is_stuck_is_told_once_and_does_nothing_more(street):
    street.weigh(0)
    street.pin(18).drive_low()
    with capture_logs() as logs:
        street.wait(9_900)
        assert logs == []
        street.wait(20_000)
    stuck = {"event": "button_stuck", "log_level": "warning", "button": "lamps", "held_s": 10}
    assert logs == [stuck | {"try_": "free the button"}]
    assert street.panel.health() == {"panel": "ok", "buttons_stuck": ["lamps"]}
    assert street.bench.point.view().pieces <= 1
    street.pin(18).drive_high()
    street.wait(100)
    assert street.panel.health() == {"panel": "ok", "buttons_stuck": []}


def test_other_buttons_work_while_one_is_stuck(street):
    street.weigh(0)
    street.pin(18).drive_low()
    street.wait(12_000)
    street.weigh(0)
    street.press("glass")
    assert street.bench.point.view().fraction == "glass"


def test_a_button_that_is_down_when_the_gateway_starts_was_not_pressed(street):
    street.weigh(0)
    street.panel.close()
    factory = gpiozero.Device.pin_factory
    contact = factory.pin(17)
    again = Street(street.bench, factory)
    again.panel.close()
    contact._set_pull = lambda value: contact.drive_low()  # somebody leans on it
    again = Street(street.bench, factory)
    again.wait(500)
    assert again.bench.point.view().fraction == ""


def test_a_closed_panel_gives_its_pins_back(street):
    street.wait(500)
    assert street.pin(13).state
    street.panel.close()
    assert street.panel.health()["panel"] == "lost"
    assert [street.pin(number).function for number in (5, 6, 13, 19)] == ["input"] * 4
    Panel(street.bench.point, SETTINGS, real_ms=lambda: 0).close()


def _opened(bench):
    with capture_logs() as logs:
        return panels.opened(bench.point, SETTINGS, real_ms=lambda: bench.now_ms), logs


def test_without_gpiozero_the_point_goes_on_and_says_what_to_install(tmp_path, monkeypatch):
    for name in ("gpiozero", "gpiozero.exc"):
        monkeypatch.setitem(sys.modules, name, None)
    panel, (said,) = _opened(Bench(tmp_path))
    assert panel is None
    assert said["where"] == "gateway.toml, [kiosk.panel]"
    assert said["try_"] == "pip install 'meterkast[pi]'"


def test_a_pin_that_somebody_else_has_is_said_and_the_others_given_back(tmp_path, factory):
    other, bench = gpiozero.DigitalOutputDevice(13), Bench(tmp_path)
    panel, (said,) = _opened(bench)
    assert panel is None
    assert said["event"] == "panel_lost"
    assert "GPIO13" in said["reason"]
    other.close()
    assert [factory.pin(number).function for number in (5, 6)] == ["input"] * 2
    Panel(bench.point, SETTINGS, real_ms=lambda: 0).close()


def test_a_machine_without_pins_is_said(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise gpiozero.exc.BadPinFactory("Unable to load any default pin factory!")

    monkeypatch.setattr(gpiozero, "DigitalInputDevice", refuse)
    panel, (said,) = _opened(Bench(tmp_path))
    assert panel is None
    assert said["reason"] == "Unable to load any default pin factory!"


def test_pins_that_fail_later_end_the_panel_and_not_the_point(street, monkeypatch):
    def fail(*_):
        raise OSError(19, "No such device")

    monkeypatch.setattr(panels.Button, "look", fail)
    with capture_logs() as (said):
        asyncio.run(panels.run(street.panel))
    assert said[0]["event"] == "panel_lost"
    assert street.panel.health()["panel"] == "lost"


def test_a_journal_that_fails_is_no_failure_of_the_panel(street, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    street.weigh(0)
    monkeypatch.setattr(street.bench.point, "take", fail)
    with pytest.raises(OSError, match="No space left"):
        street.press("glass")


def test_an_error_of_lgpios_own_is_a_lost_panel(tmp_path, monkeypatch):
    class Lgpio:
        class error(Exception):  # noqa: N801 - its name there
            pass

    def busy(*_, **__):
        raise Lgpio.error("GPIO busy")

    monkeypatch.setitem(sys.modules, "lgpio", Lgpio)
    monkeypatch.setattr(gpiozero, "DigitalInputDevice", busy)
    panel, (said,) = _opened(Bench(tmp_path))
    assert panel is None
    assert said["reason"] == "GPIO busy"


GATEWAY = f"""\
community = "z"
gateway = "point"
bridge_key = "{BRIDGE.public.x}"
broker = "mqtt://127.0.0.1:1"
[device.scale]
driver = "mtsics"
port = "/dev/pts/9998"
[device.qr]
driver = "wedge"
port = "input:/dev/input/by-id/usb-none-event-kbd"
[kiosk]
scale = "scale"
readers = ["qr"]
card_key = "card.key"
stewards = ["{STEWARD.public.x}"]
division = "5 g"
[kiosk.panel]
"""


@pytest.fixture
def configured(tmp_path):
    (tmp_path / "gateway.toml").write_text(GATEWAY + PINS)
    (tmp_path / "card.key").write_text(bytes(range(32)).hex())
    SigningKey.create(tmp_path / "gateway.key")
    return config.load(tmp_path / "gateway.toml")


@pytest.mark.parametrize(("port", "pin"), [("gpio:17", 17), ("hx711:5,6", 5), ("hx711:12,23", 23)])
def test_a_pin_of_the_panel_that_a_device_has_already_is_refused(tmp_path, port, pin):
    driver = "s0" if port.startswith("gpio") else "hx711"
    device = f'[device.other]\ndriver = "{driver}"\nport = "{port}"\n'
    (tmp_path / "gateway.toml").write_text(GATEWAY + PINS + device)
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path / "gateway.toml")
    whats = [problem.what for problem in refused.value.problems]
    assert f"pin {pin} has the device 'other' already" in whats


def _health_of_a_run(configured, *, until):
    """What a whole gateway says of its panel, once `until` is true."""
    said = []

    async def watch(built):
        async with asyncio.timeout(10):
            while not until(built):
                await asyncio.sleep(0.01)
        said.append(health.health(built)["kiosk"])

    assert run.run(configured, until=watch) == 0
    return {key: said[0].get(key) for key in ("panel", "buttons_stuck")}


def test_a_gateway_without_a_screen_serves_its_panel_and_gives_it_back(configured, factory):
    red = factory.pin(13)
    told = _health_of_a_run(configured, until=lambda _: red.function == "output" and red.state)
    assert told == {"panel": "ok", "buttons_stuck": []}
    assert red.function == "input"


def test_a_gateway_whose_panel_cannot_be_had_goes_on(configured, factory):
    other = gpiozero.DigitalOutputDevice(13)
    told = _health_of_a_run(configured, until=lambda _: True)
    assert told == {"panel": "lost", "buttons_stuck": None}
    other.close()


def _view(screen, word, **rest):
    return View(screen, word, "", "", **rest)


@pytest.mark.parametrize(
    ("lit", "screen", "word"),
    [
        ("green", "put", "put"),
        ("green", "put", "can_undo"),
        ("amber", "put", "confirm"),
        ("amber", "what", "what"),
        ("amber", "what", "how_many"),
        ("amber", "whose", "whose"),
        ("amber", "put", "keeping"),
        ("amber", "clear", "clear"),
        ("amber", "clear", "tared"),
        ("red", "refused", "two_cards"),
        ("red", "closed", "scale_gone"),
        ("red", "closed", "no_rules"),
    ],
)
def test_one_lamp_is_steady_for_each_thing_to_be_known(lit, screen, word):
    assert {lamps_of(_view(screen, word), ms) for ms in range(0, 3_000, 50)} == {
        Lamps(**{lit: True})
    }


def test_every_word_lights_a_lamp_at_some_moment_on_every_screen():
    for screen, word in itertools.product(
        ("put", "what", "whose", "slip", "refused", "clear", "closed"), SENTENCES
    ):
        lit = [any(lamps_of(_view(screen, word), ms)) for ms in range(0, 1_000, 50)]
        assert any(lit), (screen, word)


def test_the_words_that_are_usual_are_words():
    assert set(SENTENCES) >= USUAL


def _slipped(deposit, word="kept"):
    slip = Slip(deposit, "glass", 1, None, "", "kept", "", "", "", "", 300)
    return _view("slip", word, slip=slip)


@pytest.mark.parametrize(
    ("expected", "before", "after"),
    [
        (SILENCE, _view("put", "put"), _view("put", "put")),
        (SILENCE, _view("put", "put"), _view("put", "settling")),
        (HEARD, _view("put", "put"), _view("put", "put", who="card")),
        (SILENCE, _view("put", "put", who="card"), _view("put", "settling", who="card")),
        (HEARD, _view("put", "put"), _view("put", "can_undo", who="card")),
        (SILENCE, _slipped("a"), _slipped("a")._replace(can_undo=True)),
        (HEARD, _view("what", "what"), _view("whose", "whose", fraction="glass")),
        (
            HEARD,
            _view("what", "how_many", fraction="lamps", pieces=1),
            _view("what", "how_many", fraction="lamps", pieces=2),
        ),
        (KEPT, _view("put", "confirm"), _slipped("a")),
        (SILENCE, _slipped("a"), _slipped("a", "take_off")),
        (KEPT, _slipped("a"), _slipped("b")),
        (KEPT, _slipped("a"), _slipped("a", "undone")),
        (SILENCE, _slipped("a"), _view("put", "put")),
        (TURNED_AWAY, _view("put", "put"), _view("refused", "creeps")),
        (SILENCE, _view("refused", "creeps"), _view("refused", "creeps")),
        (SILENCE, _view("put", "put"), _view("closed", "scale_gone")),
        (TURNED_AWAY, _view("put", "put"), _view("put", "not_offered")),
        (SILENCE, _view("put", "not_offered"), _view("put", "put")),
    ],
)
def test_a_sound_is_made_of_a_change_and_of_nothing_else(expected, before, after):
    assert sounds_of(before, after) == expected


@pytest.mark.parametrize(
    ("expected", "button", "unit", "view"),
    [
        ([Confirm()], "confirm", "", _view("put", "confirm")),
        ([Cancel()], "cancel", "", _view("put", "put")),
        ([Choose("glass")], "glass", "kg", _view("what", "what")),
        ([Choose("glass")], "glass", "kg", _view("put", "confirm", fraction="glass")),
        ([Choose("lamps"), Pieces(1)], "lamps", "piece", _view("put", "put")),
        ([Pieces(3)], "lamps", "piece", _view("what", "what", fraction="lamps", pieces=2)),
        ([Pieces(99)], "lamps", "piece", _view("what", "what", fraction="lamps", pieces=99)),
        ([Choose("oil")], "oil", "", _view("put", "put")),
    ],
)
def test_a_button_means_what_stands_on_it(expected, button, unit, view):
    assert events_of(button, view, unit) == expected
