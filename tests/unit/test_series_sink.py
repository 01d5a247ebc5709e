"""How the sink brings what is in the books to a database that fails in every way."""

import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from structlog.testing import capture_logs

from drivers.reading import Reading
from gateway.contract.record import SAMPLES, element
from ledger_bridge.books.changed import Sheet, turn
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import bodies, counts, place
from ledger_bridge.timeseries.engines import Trouble, Unwanted
from ledger_bridge.timeseries.place import Due, Notebook, Refused, Told
from ledger_bridge.timeseries.posting import Post
from ledger_bridge.timeseries.schema import (
    DAY,
    Bucket,
    Forget,
    Measurement,
    Written,
)
from ledger_bridge.timeseries.sink import Ended, Sink
from ledger_bridge.timeseries.standing import Standing, standing
from tests.homes import Homes, day
from tests.series import Series, point
from tests.street import ID, MIDNIGHT_MS, Chain
from tests.unit.test_series_changed import Lives

DAY_MS = 86_400_000


class Crash(BaseException):
    """The machine stops."""


class Ideal:
    """A database in memory. Of `faults` each question takes one: what happens to it.

    `refuses` are measurements of which no line is taken. Trouble comes after so many `clears`.
    """

    def __init__(self) -> None:
        self.series = Series()
        self.faults: list[str] = []
        self.refuses: set[str] = set()
        self.bodies: list[int] = []
        self.can_forget = True
        self.clears = -1

    def write(self, _: Bucket, lines: Sequence[str]) -> None:
        self.bodies.append(len(lines))
        good = [line for line in lines if point(line)[0].measurement not in self.refuses]
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise Trouble("away", "503")
        self.series.write([Written((), tuple(good[: len(good) // 2] if fault == "half" else good))])
        if fault in {"half", "after"}:
            raise Trouble("away", "no answer")
        if fault == "crash":
            raise Crash
        if len(good) < len(lines):
            raise Unwanted("400 field type conflict")

    def forget(self, some: Iterable[Forget]) -> list[Forget]:
        left = []
        for one in some:
            fault = self.faults.pop(0) if self.faults else ""
            if fault == "before":
                raise Trouble("away", "503")
            if self.can_forget:
                self.series.write([Written((one,))])
            else:
                left.append(one)
            if fault == "crash":
                raise Crash
            if fault:
                raise Trouble("away", "no answer")
        return left

    def clear(self, measurement: Measurement, community: str) -> None:
        self.series.write([Written((Forget(measurement, {"community": community}),))])
        self.clears -= 1
        if self.clears == 0:
            raise Trouble("away", "no answer")


class Bench:
    """A sink with its database, as a program that may end and start again."""

    def __init__(self, books: Path, notebook: Path) -> None:
        self.database = Ideal()
        self.reader = Reader(books, ID)
        self.path = notebook
        self.at_ms = 0
        self.minutes: list[str] = []
        self.ends_after = -1
        self.start()

    def start(self) -> None:
        self.notebook = Notebook(self.path)
        self.sink = Sink(self.reader, self.notebook, Post(self.database), target="here", world=self)

    def restart(self) -> None:
        self.notebook.close()
        self.start()

    def write(self, until: int) -> None:
        """Rounds until all is written; a shared day may rest for a moment."""
        self.sink.round(until)
        while self.notebook.number("due"):
            self.sink.round(until)

    @property
    def standing(self) -> Standing:
        return standing(self.reader, self.notebook)

    def now_ms(self) -> int:
        return self.at_ms

    def give_way(self) -> None:
        self.ends_after -= 1
        if self.ends_after == 0:
            raise Ended

    def taken(self) -> None:
        """Nobody asks."""

    def minute(self, _: Standing, /) -> list[str]:
        some, self.minutes = self.minutes, []
        return some


class Interrupted(Lives):
    """The lives of a community, followed by a sink whose database, machine and program fail."""

    bench: Bench | None = None

    def follow(self) -> None:
        """Not by two others."""

    follow_seldom = follow

    def _there(self) -> Bench:
        if self.bench is None:
            self.bench = Bench(self.homes.path, self.folder / "series.db")
        return self.bench

    def teardown(self) -> None:
        self.write()
        self._there().reader.db.close()
        super().teardown()

    @rule(
        faults=st.lists(
            st.sampled_from(["", "", "", "before", "half", "after", "crash"]), max_size=9
        ),
        ends_after=st.sampled_from([-1, -1, 1, 2, 5, 20]),
        clears=st.sampled_from([-1, -1, 3]),
        lines=st.sampled_from([1, 7, 10_000]),
    )
    def fail(self, faults: list[str], ends_after: int, clears: int, lines: int) -> None:
        bench = self._there()
        bench.database.faults, bench.ends_after = faults, ends_after
        bench.database.clears = clears
        bodies.LINES_FULL = lines
        try:
            bench.sink.round(turn(self.homes.community.db, ID))
        except Trouble:
            pass
        except (Crash, Ended):
            bench.restart()
        bench.database.faults, bench.ends_after, bench.database.clears = [], -1, -1

    @rule(name=st.sampled_from(["count", "quarter", "day", "shared", "sample"]))
    def refuse(self, name: str) -> None:
        """Another program wrote a field of another type there; it is mended, and tried again."""
        bench = self._there()
        bench.database.refuses = {name}
        bench.write(turn(self.homes.community.db, ID))
        bench.database.refuses = set()
        bench.notebook.ask("retry")

    @rule()
    def ask_for_all(self) -> None:
        self._there().notebook.ask("again")

    @rule()
    def write(self) -> None:
        bench, edition = self._there(), turn(self.homes.community.db, ID)
        bench.write(edition)
        anew = Bench(self.homes.path, self.folder / "anew.db")
        anew.write(edition)
        assert anew.database.series == bench.database.series
        assert Standing() == bench.standing
        anew.reader.db.close()
        anew.notebook.close()
        for file in self.folder.glob("anew.db*"):
            file.unlink()


class TestInterrupted(Interrupted.TestCase):
    """Whatever fails when, the database ends up with exactly the points of the books."""

    settings = settings(max_examples=10, stateful_step_count=25, deadline=None)


@pytest.mark.soak
class TestInterruptedForLong(Interrupted.TestCase):
    """The same, at length."""

    settings = settings(max_examples=500, stateful_step_count=40, deadline=None)


@pytest.fixture(autouse=True)
def _full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LINES_FULL", 10_000)


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    """A day of three homes, of which two gave and took."""
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.take("home", *day("home", (5000, 0), (1000, 10)))
    homes.take("barn", *day("barn", (0, 3000), (0, 10)))
    return homes


@pytest.fixture
def bench(homes: Homes, tmp_path: Path) -> Bench:
    return Bench(homes.path, tmp_path / "series.db")


def edition(homes: Homes) -> int:
    return turn(homes.community.db, ID)


def test_it_goes_on_from_its_place_and_not_from_the_beginning(homes: Homes, bench: Bench) -> None:
    bench.write(edition(homes))
    bench.database.bodies.clear()
    bench.restart()
    bench.write(edition(homes))
    assert [] == bench.database.bodies


ODD = (
    "count,community=straat,account=acc-noor,gateway=home,device=hall,meter=0,register=1,"
    "unit=Wh,flow=given,clock=synced value=1i 1782000000000"
)
HEALTH = "gateway,community=straat,gateway=home online=1i "


def test_a_sheet_that_went_and_then_changed_is_still_taken_away(homes: Homes, bench: Bench) -> None:
    """Also where it changes again while the edition in which it went is being written."""
    bench.write(edition(homes))
    bench.database.write("years", [ODD])
    meter = "kind = 'meter' AND a = 'home' AND day = '2026-06-21'"
    n = edition(homes) + 1
    db = homes.community.db
    db.execute(f"UPDATE changed SET n = {n}, gone_n = {n} WHERE {meter}")
    until = edition(homes)
    db.execute(f"UPDATE changed SET n = {n + 1} WHERE {meter}")
    bench.write(until)
    assert point(ODD)[0] not in bench.database.series


def test_what_is_made_is_posted_while_more_is_made_and_in_order(homes: Homes, bench: Bench) -> None:
    bodies.LINES_FULL = 1
    bench.database.faults = ["", "", "", "before"]
    with pytest.raises(Trouble):
        bench.write(edition(homes))
    done = bench.notebook.place
    assert done is not None
    assert (True, 0, "meter") == (done.is_clear, done.done, done.kind)


def test_a_place_of_older_books_begins_anew(homes: Homes, bench: Bench, tmp_path: Path) -> None:
    """A backup, made before the last records came, is put back in place."""
    homes.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(homes.path, tmp_path / "backup.db")
    homes.take("shed", *day("shed", (9000, 9000)))
    bench.write(edition(homes))
    assert _accounts(bench) == {"acc-noor", "acc-bram", "acc-saar"}
    homes.community.db.close()
    bench.reader.db.close()
    for name in ("books.db-wal", "books.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "backup.db").replace(homes.path)
    homes.open()
    bench.reader = Reader(homes.path, ID)
    bench.restart()
    homes.take("home", *day("home", (5000, 0), (1000, 10), (1, 1)))
    bench.write(edition(homes))
    assert _accounts(bench) == {"acc-noor", "acc-bram"}


def _accounts(bench: Bench) -> set[str]:
    """Whose days are told."""
    return {dict(one.tags)["account"] for one in bench.database.series if one.measurement == "day"}


def test_another_database_gets_all(homes: Homes, bench: Bench) -> None:
    bench.write(edition(homes))
    before, bench.database = bench.database.series, Ideal()
    bench.sink = Sink(
        bench.reader, bench.notebook, Post(bench.database), target="there", world=bench
    )
    bench.write(edition(homes))
    assert before == bench.database.series


def test_what_the_books_do_not_have_stays_where_all_is_written_anew(
    homes: Homes, bench: Bench
) -> None:
    bench.minutes = [f"{HEALTH}1000"]
    bench.write(edition(homes))
    bench.database.write("years", [ODD])
    bench.notebook.ask("again")
    bench.write(edition(homes))
    assert point(f"{HEALTH}1000")[0] in bench.database.series
    assert point(ODD)[0] not in bench.database.series
    assert set() == bench.notebook.asked()


def test_a_database_that_cannot_take_away_is_written_anew_once_a_day(
    homes: Homes, bench: Bench
) -> None:
    bench.database.can_forget = False
    bench.write(edition(homes))
    bench.database.write("years", [ODD])
    n = edition(homes) + 1
    homes.community.db.execute(f"UPDATE changed SET n = {n}, gone_n = {n} WHERE kind = 'meter'")
    bench.write(edition(homes))
    assert point(ODD)[0] in bench.database.series
    for at_ms, is_there in ((DAY_MS - 1, True), (DAY_MS, False)):
        bench.at_ms = at_ms
        bench.write(edition(homes))
        assert is_there == (point(ODD)[0] in bench.database.series)
    assert set() == bench.notebook.owed()


def test_a_record_that_comes_by_the_number_of_one_that_went_is_told(
    homes: Homes, bench: Bench
) -> None:
    homes.take("home", _sample("home", 700))
    bench.write(edition(homes))
    homes.community.db.execute("DELETE FROM record WHERE arrival = 9")
    homes.take("barn", _sample("barn", 900))
    bench.write(edition(homes))
    assert 9 == bench.reader.arrived()
    assert {MIDNIGHT_MS: {"value": 900}} == bench.database.series.of("sample")


def _sample(gateway: str, mw: int) -> bytes:
    shown = Reading("1-0:1.7.0", mw, "mW", MIDNIGHT_MS, "E1")
    pack = [element("hall", shown, base_ms=MIDNIGHT_MS)]
    return Chain(gateway, "samples-000000000001").record(pack, made_ms=MIDNIGHT_MS, typ=SAMPLES)


# What is in no books.


def test_what_gateways_say_waits_for_the_database_and_is_then_written(
    homes: Homes, bench: Bench
) -> None:
    for minute in range(3):
        bench.at_ms = minute * 60_000
        bench.minutes = [f"{HEALTH}{bench.at_ms}"]
        bench.database.faults = ["before"]
        with pytest.raises(Trouble):
            bench.write(edition(homes))
        bench.restart()
    bench.database.faults = []
    bench.at_ms += 59_999
    bench.write(edition(homes))
    told = bench.database.series.of("gateway", gateway="home")
    assert {0: {"online": 1}, 60_000: {"online": 1}, 120_000: {"online": 1}} == told


def test_the_oldest_of_too_many_lines_go_and_are_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "SPOOL_MAX", 3)
    bench.notebook.put([f"{HEALTH}{n}" for n in range(2)])
    bench.notebook.put([f"{HEALTH}{n}" for n in range(2, 5)])
    assert [f"{HEALTH}{n}" for n in (2, 3, 4)] == bench.notebook.spooled(10, after=0)[0]
    assert 2 == bench.standing.dropped


# What is refused.


def test_what_is_refused_is_told_once_and_tried_when_somebody_asks(
    homes: Homes, bench: Bench
) -> None:
    bench.database.refuses = {"day"}
    with capture_logs() as logs:
        for grams in (1, 2, 3):
            bench.write(edition(homes))
            homes.take("home", *day("home", (5000, 0), (1000, 10), (grams, 0)))
    refused = [one for one in logs if one["event"] == "points_refused"]
    assert [("400 field type conflict", 4)] == [(one["why"], one["points"]) for one in refused]
    bench.database.refuses = set()
    bench.write(edition(homes))
    assert 4 == bench.standing.quarantined
    bench.notebook.ask("retry")
    with capture_logs() as logs:
        bench.write(edition(homes))
    assert ["points_taken"] == [one["event"] for one in logs]
    assert 4 == len([one for one in bench.database.series if one.measurement == "day"])


def test_a_point_that_is_written_anew_is_refused_no_longer(homes: Homes, bench: Bench) -> None:
    """What it was when it was refused must not be written over what it is now."""
    bench.write(edition(homes))
    lines = [
        f"day,community=straat,account={account},flow=given gained=1i 1781992800000"
        for account in ("acc-noor", "acc-nobody")
    ]
    bench.notebook.quarantine([Refused("years", line, "400") for line in lines], now_ms=0)
    n = edition(homes) + 1
    homes.community.db.execute(f"UPDATE changed SET n = {n} WHERE kind = 'meter'")
    bench.write(edition(homes))
    assert lines[1:] == [one.line for one in bench.notebook.quarantined(9)]


def test_what_is_taken_away_waits_no_longer_either(homes: Homes, bench: Bench) -> None:
    """An account is erased while its points are refused."""
    bench.database.refuses = {"day", "quarter"}
    bench.write(edition(homes))
    assert 16 == bench.standing.quarantined
    bench.notebook.note_told([Told("day acc-noor 2026-06-21", "ValueError")])
    n = edition(homes) + 1
    homes.community.db.execute(
        "INSERT INTO changed VALUES (?, 'account', 'acc-noor', '', '', ?, ?)", (ID, n, n)
    )
    bench.write(edition(homes))
    left = [one.line for one in bench.notebook.quarantined(99)]
    assert 8 == len([line for line in left if "acc-bram" in line])
    assert [] == [line for line in left if "acc-noor" in line]
    assert 0 == bench.standing.left_out
    # Nor in what the place's files have of the past.
    files = [bench.path, bench.path.with_name("series.db-wal")]
    assert [] == [file.name for file in files if b"acc-noor" in file.read_bytes()]


def test_only_the_lines_meant_are_taken_away_from_what_waits(bench: Bench) -> None:
    lines = (
        "day,community=straat,account=a1,flow=gas gained=1i 1000",
        "day,community=straat,account=a1,flow=gas gained=1i 2000",
        "day,community=straat,account=a2,flow=gas gained=1i 1000",
        "day,community=straat,account=x\\,account\\=a1,flow=gas gained=1i 1000",
        "day,community=dorp,account=a1,flow=gas gained=1i 1000",
        "quarter,community=straat,account=a1,gateway=g,device=d,flow=gas gained=1i 1000",
    )
    bench.notebook.quarantine([Refused("years", line, "400") for line in lines], now_ms=0)
    bench.notebook.forget([Forget(DAY, {"community": "straat", "account": "a1"}, (1000, 2000))])
    assert [*lines[1:]] == [one.line for one in bench.notebook.quarantined(9)]


def test_what_went_is_known_until_it_is_taken_away(bench: Bench) -> None:
    for is_gone in (False, True, False):
        bench.notebook.note_due([Due("member", "noor", "2026-06-21", is_gone)])
    assert [Due("member", "noor", "2026-06-21", is_gone=True)] == bench.notebook.due("member", 9)


def test_what_went_before_all_was_written_is_not_owed(homes: Homes, bench: Bench) -> None:
    homes.community.db.execute(
        "INSERT INTO changed VALUES (?, 'erased', 'home', '', '', 1, 1)", (ID,)
    )
    bench.database.can_forget = False
    bench.write(edition(homes))
    assert set() == bench.notebook.owed()


def test_the_oldest_refused_lines_go_and_are_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "QUARANTINE_MAX", 2)
    for n in range(5):
        bench.notebook.quarantine([Refused("years", f"day x=1i {n}", "400")], now_ms=0)
    assert ["day x=1i 3", "day x=1i 4"] == [one.line for one in bench.notebook.quarantined(9)]
    assert 3 == bench.notebook.dropped("quarantine")


def test_a_sheet_that_is_odd_is_left_out_alone_until_it_changes(
    homes: Homes, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(reader: Reader, sheet: Sheet) -> Written:
        if (sheet.a, sheet.day) == ("barn", "2026-06-21"):
            raise ValueError("nobody thought of this")
        return told(reader, sheet)

    told = counts.meter_sheet
    changes = "UPDATE changed SET n = ? WHERE kind = 'meter'"
    bench.write(edition(homes))
    stale = ODD.replace("gateway=home", "gateway=barn")
    bench.database.write("years", [stale])
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(counts, "meter_sheet", odd)
        for _ in range(2):
            homes.community.db.execute(changes, (edition(homes) + 1,))
            bench.write(edition(homes))
    sheet = "meter barn hall 2026-06-21"
    why = f"ValueError in test_series_sink.py line {odd.__code__.co_firstlineno + 2}"
    assert [("series_left_out", sheet, why)] == [_told(one) for one in logs]
    assert Standing(left_out=1) == bench.standing
    homes.community.db.execute(changes, (edition(homes) + 1,))
    bench.write(edition(homes))
    assert Standing() == bench.standing
    assert point(stale)[0] not in bench.database.series


def _told(log: Any) -> tuple[str, str, str]:
    return log["event"], log["what"], log["why"]


def test_what_is_odd_about_the_health_of_gateways_stops_nothing_else(
    homes: Homes, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(_: Standing, /) -> list[str]:
        raise ValueError("nobody thought of this")

    bench.write(edition(homes))
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(bench, "minute", odd)
        for minute in (1, 2):
            bench.at_ms = minute * 60_000
            bench.write(edition(homes))
    assert ["health"] == [one["what"] for one in logs if one["event"] == "series_left_out"]
    assert Standing(left_out=1) == bench.standing
    bench.at_ms += 60_000
    bench.write(edition(homes))
    assert Standing() == bench.standing


def test_a_page_that_looks_may_make_the_place_at_the_same_time(bench: Bench) -> None:
    with closing(sqlite3.connect(bench.path)) as other:
        other.execute("PRAGMA user_version = 0")
    Notebook(bench.path).close()
    with closing(sqlite3.connect(bench.path)) as other:
        assert (1,) == other.execute("PRAGMA user_version").fetchone()
