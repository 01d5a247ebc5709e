"""Time series beside a running bridge: trouble is told once, and never the bridge's."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ledger_bridge.books.changed import turn
from ledger_bridge.commands.series import series
from ledger_bridge.hub import Hub
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import engines, following, place
from ledger_bridge.timeseries.delivered import Delivered
from ledger_bridge.timeseries.following import Following
from ledger_bridge.timeseries.place import Notebook, Refused, Told
from ledger_bridge.timeseries.standing import Standing, look
from tests.answers import TAKEN, Answers, Question
from tests.homes import Homes, day
from tests.house import HandClock
from tests.influx import Answer
from tests.street import ID

GOOD = Answer(200, b"{}")
AWAY = Answer(503, b'{"error":"overloaded"}')


def ideal(question: Question) -> Answer:
    return GOOD if question.path == "/query" else TAKEN


@pytest.fixture
def answers() -> Iterator[Answers]:
    server = Answers()
    server.always = ideal
    yield server
    server.close()


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.take("home", *day("home", (5000, 0), (1000, 10)))
    return homes


@pytest.fixture
def hub(tmp_path: Path, answers: Answers) -> Hub:
    (tmp_path / "token").write_text("old")
    (tmp_path / "token").chmod(0o600)
    config = tmp_path / "bridge.toml"
    config.write_text(f"""
        community = "{ID}"
        broker = "mqtt://127.0.0.1:1883"
        series_url = "{answers.url}"
        series_engine = "influxdb1"
        series_token_file = "token"
    """)
    return Hub.load(config)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is as long as ten milliseconds."""
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    monkeypatch.setattr(following, "MENDED_S", 0.01)
    monkeypatch.setattr(following, "BACK_OFF_S_MAX", 0.01)


class Beside:
    """A bridge that has nothing to do but to look at how its time series are."""

    def __init__(self, hub: Hub, homes: Homes) -> None:
        self.hub = hub
        self.reader = Reader(hub.books, ID)
        self.clock = HandClock()
        is_quiet = threading.Event()
        is_quiet.set()
        self.following = Following(
            hub,
            self.clock,
            turn=lambda: turn(homes.community.db, ID),
            delivered=Delivered,
            is_linked=lambda: True,
            is_quiet=is_quiet,
        )

    @property
    def standing(self) -> Standing:
        return look(self.reader, self.hub.place)

    async def until(self, is_so: Callable[[Standing], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so(self.standing):
                await asyncio.sleep(0.01)

    def run(self, *is_so: Callable[[Standing], bool]) -> list[Any]:
        """Until one after the other is so; gives what was logged."""

        async def run() -> None:
            task = asyncio.create_task(self.following.run())
            for one in is_so:
                await self.until(one)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        with capture_logs() as logs:
            asyncio.run(run())
        return [one for one in logs if one["event"] != "series_begun_anew"]


@pytest.fixture
def beside(hub: Hub, homes: Homes) -> Iterator[Beside]:
    beside = Beside(hub, homes)
    yield beside
    beside.reader.db.close()


def is_done(standing: Standing) -> bool:
    return standing == Standing()


def test_a_database_that_is_away_is_told_once_and_once_when_it_is_back(
    beside: Beside, answers: Answers
) -> None:
    answers.always = lambda _: AWAY

    def back(standing: Standing) -> bool:
        if standing.away is None or len(answers.asked) < 9:
            return False
        beside.clock.now_ms = 86_400_000
        answers.always = ideal
        return True

    logs = beside.run(back, is_done)
    told = [(one["event"], one.get("why"), one.get("away_s")) for one in logs]
    assert [
        ("series_away", "503 overloaded", None),
        ("series_back", None, 86_400),
    ] == told


def test_a_moment_of_trouble_is_not_told(beside: Beside, answers: Answers) -> None:
    answers.to_come.append(AWAY)
    assert [] == beside.run(is_done)


def test_a_token_that_is_put_in_its_file_is_used_from_then_on(
    beside: Beside, answers: Answers, tmp_path: Path
) -> None:
    refused = Answer(401, b'{"error":"authorization failed"}')
    answers.always = lambda asked: ideal(asked) if asked.authorization == "Token new" else refused

    def mend(standing: Standing) -> bool:
        if standing.away is None:
            return False
        (tmp_path / "token").write_text("new")
        return True

    events = [(one["event"], one.get("try")) for one in beside.run(mend, is_done)]
    try_ = "put a token that may write and delete into the file that series_token_file names"
    assert [("series_away", try_), ("series_back", None)] == events


def test_other_trouble_than_before_is_told(beside: Beside, answers: Answers) -> None:
    missing = Answer(404, b'{"error":"database not found"}')
    answers.to_come += [missing, missing, AWAY, AWAY, AWAY, missing]
    events = [(one["event"], one.get("why")) for one in beside.run(is_done)]
    assert [
        ("series_away", "404 database not found"),
        ("series_away", "503 overloaded"),
        ("series_away", "404 database not found"),
        ("series_back", None),
    ] == events


def test_the_bridge_goes_on_and_ends_while_the_database_hangs(
    beside: Beside, answers: Answers
) -> None:
    answers.always = lambda _: None
    longest_s = 0.0

    async def run() -> float:
        nonlocal longest_s
        task = asyncio.create_task(beside.following.run())
        while not answers.asked:
            await asyncio.sleep(0.001)
        for _ in range(50):
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.monotonic() - before)
        began = time.monotonic()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert engines.WRITE_S > 10
    assert asyncio.run(run()) < 1.5
    assert longest_s < 0.5


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ("the place of the time series cannot be used: file is not a database", None),
        ("a place of schema 2, this program knows up to 1", "PRAGMA user_version = 2"),
    ],
    ids=["broken", "of a newer program"],
)
def test_a_place_that_cannot_be_used_is_put_aside_and_all_is_written_anew(
    beside: Beside, hub: Hub, why: str, says: str | None
) -> None:
    if says:
        with closing(sqlite3.connect(hub.place)) as notebook:
            notebook.execute(says)
    else:
        hub.place.write_bytes(b"this is no place" * 100)
    before = hub.place.read_bytes()
    assert why == beside.standing.json()["away"]
    (told,) = beside.run(is_done)
    assert ("series_place_put_aside", why) == (told["event"], told["why"])
    assert before == hub.place.with_name("series.unusable").read_bytes()


def test_where_no_place_can_be_made_the_bridge_goes_on(beside: Beside, hub: Hub) -> None:
    hub.place.mkdir()
    (told,) = beside.run(lambda _: bool(beside.following._told))
    what = "the place of the time series cannot be used: unable to open database file"
    try_ = "make room there, and let this user write"
    assert ("series_away", what, try_) == (told["event"], told["why"], told["try"])


def test_a_full_disk_is_told_once_and_nothing_is_lost(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, fails = Notebook.move, 4

    def full(self: Notebook, place: Any) -> None:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise sqlite3.OperationalError("database or disk is full")
        move(self, place)

    monkeypatch.setattr(Notebook, "move", full)
    events = [(one["event"], one.get("why")) for one in beside.run(is_done)]
    assert [("series_away", "database or disk is full"), ("series_back", None)] == events


@pytest.mark.parametrize(
    ("failures", "at_most_s"), [(1, 2.0), (2, 4.0), (8, 256.0), (9, 300.0), (1_000, 300.0)]
)
def test_it_waits_up_to_five_minutes_and_no_longer(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, failures: int, at_most_s: float
) -> None:
    monkeypatch.setattr(following, "BACK_OFF_S_MAX", 300.0)
    asked: list[float] = []

    class Highest:
        def uniform(self, least: float, most: float) -> float:
            asked.append(least)
            return most

    monkeypatch.setattr(following, "_JITTER", Highest())
    for _ in range(failures - 1):
        beside.following._failed("away", "503")
    assert at_most_s == beside.following._failed("away", "503")
    assert {0.0} == set(asked)


def test_a_steward_is_shown_what_was_left_out_and_what_was_too_much_to_keep(
    beside: Beside, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [] == beside.run(is_done)
    monkeypatch.setattr(place, "QUARANTINE_MAX", 1)
    lines = [f"day,community=straat,account=a{n},flow=gas gained=1i 1000" for n in range(3)]
    with closing(Notebook(hub.place)) as notebook:
        notebook.note_told([Told("meter barn hall 2026-06-21", "ValueError: odd")])
        notebook.quarantine([Refused("years", line, "400 no") for line in lines], now_ms=0)
    assert 1 == series(config=str(hub.config))
    shown = capsys.readouterr().out.splitlines()
    assert [
        "  up to date",
        "  1 points refused; once the cause is mended: hub series --retry",
        f"    {lines[2]}",
        "      400 no",
        "  2 more were too many to keep: hub series --again",
        "  1 sheets left out; with a program that can: hub series --again",
        "    meter barn hall 2026-06-21",
        "      ValueError: odd",
    ] == shown[1:]
    assert (3, 1) == (beside.standing.quarantined, beside.standing.left_out)
