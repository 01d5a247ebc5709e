"""What a gateway talks to its hub with: which words reach a device, which samples leave."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from drivers import sdk
from drivers.reading import Message, Reading
from gateway.community import build as hub
from gateway.contract import command
from gateway.contract.command import TARE, ZERO, Command
from gateway.contract.errors import Problem
from gateway.contract.record import ANSWER
from gateway.contract.record import SAMPLES as SAMPLES_TYP
from gateway.house import House
from gateway.journal import EVIDENCE, SAMPLES, Journal, NotKept
from gateway.kiosk.point import Point
from gateway.quarter import Moment
from tests.kiosk import BRIDGE, KEY, PIN_FILE, paper
from tests.unit.test_gateway_house import TOML, inside

# 2026-06-01T00:00 in Amsterdam.
JUNE_MS = 1_780_264_800_000
JUNE = date(2026, 6, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.toml").write_text(TOML)
    (tmp_path / "card.key").write_text(bytes(range(32)).hex())
    (tmp_path / "operator.pin").write_text(PIN_FILE)
    return tmp_path


def reachable(built: House) -> list[tuple[str, str]]:
    """The words that reach the scale from now on."""
    words: list[tuple[str, str]] = []
    (line,) = [line for line in built.lines if line.name == "scale"]
    line.command = lambda member, word: words.append((member, word)) is None  # type: ignore[method-assign]
    return words


def weigh(built: House, mg: int) -> None:
    built.intake.hear("scale", Message(0, b"", (Reading("gross", mg, "mg"),)))


def told(built: House, device: str, word: str) -> str:
    drivers = {name: sdk.load(one.driver) for name, one in built.config.device.items()}
    return hub.tell(built, drivers, device, word)


@pytest.mark.parametrize(
    ("device", "word", "why"),
    [
        pytest.param("attic", ZERO, "no device is called attic", id="no such device"),
        pytest.param("reader", TARE, "a rdm6300 cannot be told to tare", id="no such word"),
        pytest.param("scale", ZERO, "scale cannot be reached", id="no line"),
    ],
)
def test_who_cannot_be_told_says_why(folder: Path, device: str, word: str, why: str) -> None:
    def scenario(built: House, _: Point) -> str:
        weigh(built, 0)
        return told(built, device, word)

    assert why == inside(folder, scenario)


def test_a_scale_that_nobody_uses_is_told(folder: Path) -> None:
    def scenario(built: House, point: Point) -> tuple[str, list[tuple[str, str]]]:
        words = reachable(built)
        point.new_policy(paper())
        weigh(built, 0)
        return told(built, "scale", ZERO), words

    assert ("", [("scale", "zero")]) == inside(folder, scenario)


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param([0, 5_000_000], id="loaded"),
        pytest.param([], id="unheard"),
    ],
)
def test_a_scale_that_may_have_something_on_it_is_told_nothing(
    folder: Path, weights: list[int]
) -> None:
    def scenario(built: House, point: Point) -> tuple[str, list[tuple[str, str]]]:
        words = reachable(built)
        point.new_policy(paper())
        for mg in weights:
            weigh(built, mg)
        return told(built, "scale", ZERO), words

    why = "the scale is in use, or not known to be empty"
    assert (why, []) == inside(folder, scenario)


def test_a_command_of_the_hub_is_answered_in_the_journal(folder: Path) -> None:
    def scenario(built: House, _: Point) -> int:
        assert built.publisher
        said = Command("z", "point", "1", ZERO, built.clock.utc_ms() + 1000, device="scale")
        built.publisher._on_message("mk/v1/z/point/command", command.make(said, key=BRIDGE))
        return len(built.journal.newest(ANSWER, 9))

    assert 1 == inside(folder, scenario)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal.open(tmp_path, community="z", gateway="home", key=KEY, boot="b")
    yield made
    made.close()


def samples(journal: Journal) -> tuple[str, int]:
    """The chain of samples that goes on, and how many records are in it."""
    (chain,) = [c for c in journal.chains() if c.kind == SAMPLES and c.current]
    return chain.chain, chain.last


@pytest.mark.parametrize(
    ("made_ms", "left"),
    [
        pytest.param(JUNE_MS - 1, 0, id="from before it"),
        pytest.param(JUNE_MS, 1, id="from its day"),
    ],
)
def test_a_consent_given_anew_lets_no_sample_out(journal: Journal, made_ms: int, left: int) -> None:
    moment = Moment(made_ms, 0, "synced")
    name, _ = samples(journal)
    journal.append(SAMPLES, SAMPLES_TYP, [], moment=moment)
    journal.append(EVIDENCE, SAMPLES_TYP, [], moment=moment)
    journal.commit(moment)
    assert hub.forget_samples(journal, JUNE, moment)
    after, count = samples(journal)
    assert (left == 1, left) == (after == name, count)
    assert {SAMPLES, EVIDENCE, "private"} == {c.kind for c in journal.chains()}
    assert 1 + left == journal.tally().pending


def test_a_first_consent_begins_nothing_anew(journal: Journal) -> None:
    before = samples(journal)
    assert hub.forget_samples(journal, JUNE, Moment(JUNE_MS, 0, "synced"))
    assert before == samples(journal)


def test_where_no_chain_can_be_begun_no_sample_leaves(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_kept(*_: object, **__: object) -> None:
        raise NotKept(Problem("full", "here", "wait"))

    moment = Moment(JUNE_MS - 1, 0, "synced")
    journal.append(SAMPLES, SAMPLES_TYP, [], moment=moment)
    journal.commit(moment)
    monkeypatch.setattr(journal, "begin_again", not_kept)
    assert not hub.forget_samples(journal, JUNE, moment)
