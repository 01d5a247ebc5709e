"""A gateway put together: who hears what at a recycling point, and what leaves of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers import sdk
from drivers.reading import Message, Reading
from gateway import building, config, house
from gateway.contract.clock import SystemClock
from gateway.contract.errors import ConfigError
from gateway.contract.record import to_json
from gateway.health import health
from gateway.house import House
from gateway.kiosk.events import Choose, Confirm, NoCard
from gateway.kiosk.point import Point
from tests.kiosk import BRIDGE, KEY, NOOR, PIN_FILE, RULES, STEWARD, paper, said

POLICY, CREDIT = "mk/v1/z/policy", "mk/v1/z/point/credit"

TOML = f"""\
community = "z"
gateway = "point"
bridge_key = "{BRIDGE.public.x}"
broker = "mqtt://127.0.0.1:1"

[device.scale]
driver = "mtsics"
port = "/dev/pts/9998"

[device.reader]
driver = "rdm6300"
port = "/dev/pts/9999"

[kiosk]
scale = "scale"
readers = ["reader"]
card_key = "card.key"
stewards = ["{STEWARD.public.x}"]
screen = "127.0.0.1:0"
division = "5 g"
pin = "operator.pin"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.toml").write_text(TOML)
    (tmp_path / "card.key").write_text(bytes(range(32)).hex())
    (tmp_path / "operator.pin").write_text(PIN_FILE)
    return tmp_path


def inside(folder: Path, scenario: Callable[[House, Point], Any]) -> Any:
    """What the scenario gives, with a gateway that is put together and not started."""

    async def run() -> Any:
        settings, clock = config.load(folder / "gateway.toml"), SystemClock()
        journal = building.open_journal(settings, clock=clock, key=KEY)
        try:
            built = building.build(settings, journal, clock=clock, key=KEY)
            assert built.intake.point
            return scenario(built, built.intake.point)
        finally:
            journal.close()

    return asyncio.run(run())


def hear(built: House, topic: str, payload: bytes) -> None:
    assert built.publisher
    built.publisher._on_message(topic, payload)


def test_the_point_hears_the_hubs_policy_and_its_credits(folder: Path) -> None:
    def scenario(built: House, point: Point) -> None:
        assert built.publisher
        assert {POLICY, CREDIT} <= set(built.publisher.link._subscriptions)
        assert point.offer().closed == "no_rules"
        hear(built, POLICY, paper())
        assert point.offer().closed == ""
        hear(built, CREDIT, said("x", key=KEY, state="held"))
        hear(built, POLICY, b"nonsense")
        assert (point.health()["credits_forged"], point.health()["policies_refused"]) == (1, 1)
        assert built.publisher.forgeries.count == 0

    inside(folder, scenario)
    assert (folder / "data" / "policy.signed").exists()


def test_a_house_without_a_point_hears_no_policy_and_no_credits(folder: Path) -> None:
    text = TOML.partition("[kiosk]")[0]
    (folder / "gateway.toml").write_text(text)

    async def run() -> None:
        settings, clock = config.load(folder / "gateway.toml"), SystemClock()
        journal = building.open_journal(settings, clock=clock, key=KEY)
        built = building.build(settings, journal, clock=clock, key=KEY)
        assert built.publisher
        assert built.publisher.link._subscriptions == [
            "mk/v1/z/point/receipt",
            "mk/v1/z/keys",
            "mk/v1/z/hub",
            "mk/v1/z/point/command",
        ]
        assert not {"kiosk"} & {*house.birth(built), *health.health(built), *house.now(built)}
        journal.close()

    asyncio.run(run())


def test_the_birth_names_the_points_devices_and_the_health_counts_what_was_refused(
    folder: Path,
) -> None:
    def scenario(built: House, point: Point) -> None:
        hear(built, POLICY, paper())
        assert house.birth(built)["kiosk"] == {"scale": "scale", "readers": ["reader"]}
        point.refusals["too_light"] += 2
        assert health.health(built)["kiosk"] == {
            "policy": "2026-06-01",
            "policies_refused": 0,
            "credits_forged": 0,
            "refusals": {"too_light": 2},
        }

    inside(folder, scenario)


def test_neither_weight_nor_card_nor_code_is_told_to_the_page_or_the_hub(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = 1_000_000

    def passes() -> int:
        nonlocal now_ms
        now_ms += 300
        return now_ms

    monkeypatch.setattr(building, "real_ms", passes)

    def scenario(built: House, point: Point) -> None:
        hear(built, POLICY, paper())
        for mass_mg in [0] * 4 + [3_333_000] * 4:
            built.intake.hear("scale", Message(0, b"", (Reading("net", mass_mg, "mg"),)))
        built.intake.hear("reader", Message(0, b"", (Reading("card", NOOR),)))
        for event in (Choose("glass"), NoCard(), Confirm(), Confirm(), Confirm()):
            point.take(event)
        view = point.view()
        assert view.slip
        assert view.slip.code
        page = to_json(house.now(built)["kiosk"]).decode()
        told = to_json([house.birth(built), health.health(built)]).decode()
        assert view.slip.deposit in page
        assert not [word for word in (NOOR, view.slip.code) if word in page + told]
        assert "3333000" not in told
        assert NOOR not in to_json(house.now(built)).decode()

    inside(folder, scenario)


def test_a_lost_line_of_the_scale_is_told_to_the_point(folder: Path) -> None:
    def scenario(built: House, point: Point) -> None:
        hear(built, POLICY, paper())
        built.intake.hear("scale", Message(0, b"", (Reading("net", 0, "mg"),)))
        (line,) = [line for line in built.lines if line.name == "scale"]
        line._members[0].listener.lost()
        assert point.view().word == "scale_gone"
        assert built.devices["scale"].open is False

    inside(folder, scenario)


def test_the_scale_is_told_what_its_driver_knows_while_its_line_is_there(folder: Path) -> None:
    def scenario(built: House, point: Point) -> None:
        words: list[tuple[str, str]] = []
        (line,) = [line for line in built.lines if line.name == "scale"]
        assert not point.tell_scale("zero")
        line.command = lambda member, word: words.append((member, word)) is None  # type: ignore[method-assign]
        assert point.tell_scale("zero")
        assert not point.tell_scale("dance")
        assert words == [("scale", "zero")]

    inside(folder, scenario)


def test_a_reader_without_a_card_is_not_silent_and_a_scale_that_is_asked_is(folder: Path) -> None:
    def scenario(built: House, point: Point) -> None:
        asked = sdk.load("rdm6300")._replace(polled=True)
        assert not building._talks(asked)
        assert {name: device.talks for name, device in built.devices.items()} == {
            "scale": True,
            "reader": False,
        }

    inside(folder, scenario)


def test_the_point_knows_whether_there_is_a_link(folder: Path) -> None:
    def scenario(built: House, point: Point) -> None:
        assert built.publisher
        assert point.view().link == "down"
        built.publisher.link.up.set()
        assert point.view().link == "up"

    inside(folder, scenario)


@pytest.mark.parametrize(
    ("name", "what"),
    [("card.key", "no card key"), ("operator.pin", "no PIN is kept in this file")],
)
def test_a_file_that_is_missing_is_told_before_anything_runs(
    folder: Path, name: str, what: str
) -> None:
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=what):
        inside(folder, lambda built, point: None)


def test_rules_are_there_after_a_restart_without_any_link(folder: Path) -> None:
    inside(folder, lambda built, point: hear(built, POLICY, paper(RULES)))
    assert inside(folder, lambda built, point: point.offer().closed) == ""
