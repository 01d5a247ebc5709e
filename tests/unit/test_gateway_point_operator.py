"""The operator's book: corrections, containers, test weights, and the door to it."""

import contextlib
import io
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.reading import Fault, Message
from gateway.contract import record
from gateway.contract.errors import ConfigError, PeopleError, UsageError
from gateway.contract.record import CONTAINER, CORRECTION, TEST_WEIGHT
from gateway.kiosk import command, containers, pin
from gateway.kiosk.events import Choose, NotAccepted, Undo
from gateway.kiosk.pin import Door
from gateway.kiosk.point import Point
from tests.kiosk import PIN, RULES, Bench, paper

KG = 1_000_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture
def manned(bench: Bench) -> Bench:
    assert bench.point.sign_in(PIN)
    return bench


def told(kept: record.Record) -> list[tuple[str, str]]:
    return [(one.n, one.vs or bytes(one.v).decode()) for one in kept.elements]


def sums(point: Point) -> dict[str, int]:
    """What is in each container now, in kg or pieces; nothing of those that are empty."""
    held = {one.fraction: one.delivered_mg // KG or one.pieces for one in point.containers()}
    return {fraction: amount for fraction, amount in held.items() if amount}


CALLS: list[Callable[[Point], object]] = [
    lambda point: point.correct("x", fraction="", reason="why"),
    lambda point: point.test_weight(KG),
    lambda point: point.emptied("glass", None),
    lambda point: point.hauled("x", KG),
    lambda point: point.zero(),
]


@pytest.mark.parametrize("call", CALLS)
def test_nothing_of_the_operators_is_done_for_anybody_else(
    bench: Bench, call: Callable[[Point], object]
) -> None:
    bench.deposit()
    with pytest.raises(PeopleError, match="nobody is signed in"):
        call(bench.point)
    bench.point.sign_in(PIN)
    bench.point.sign_out()
    with pytest.raises(PeopleError, match="nobody is signed in"):
        call(bench.point)
    assert len(bench.records()) == 1


def test_an_operator_who_left_is_signed_out_and_one_who_works_is_not(manned: Bench) -> None:
    for _ in range(3):
        manned.wait(100_000)
        manned.point.tick()
        manned.point.emptied("glass", None)
    manned.wait(120_000)
    manned.point.tick()
    with pytest.raises(PeopleError, match="nobody is signed in"):
        manned.point.emptied("glass", None)


def test_what_an_operator_turns_away_is_a_refusal(manned: Bench) -> None:
    manned.weigh(0)
    manned.weigh(3 * KG)
    manned.act(NotAccepted("mixed"))
    assert manned.point.health()["refusals"] == {"mixed": 1}


# Corrections


def test_a_corrected_deposit_counts_as_the_other_fraction(manned: Bench) -> None:
    deposit = manned.deposit(3 * KG)
    manned.point.correct(deposit, fraction="paper", reason="  it was cardboard ")
    (kept,) = manned.records(CORRECTION)
    assert told(kept) == [
        ("kiosk/deposit", deposit),
        ("kiosk/fraction", "paper"),
        ("kiosk/by", "operator"),
        ("kiosk/reason", "it was cardboard"),
    ]
    (done,) = manned.point.deposits()
    assert (done.fraction, done.now, done.by, done.reason) == (
        "glass",
        "paper",
        "operator",
        "it was cardboard",
    )
    assert sums(manned.point) == {"paper": 3}


def test_a_deposit_taken_back_by_the_operator_is_withdrawn_and_can_be_put_right(
    manned: Bench,
) -> None:
    deposit = manned.deposit(3 * KG)
    manned.point.correct(deposit, fraction="", reason="stones")
    (done,) = manned.point.deposits()
    assert (done.now, done.state, sums(manned.point)) == ("", "withdrawn", {})
    manned.point.correct(deposit, fraction="glass", reason="no stones after all")
    assert sums(manned.point) == {"glass": 3}


def test_the_bag_of_a_deposit_that_the_operator_took_back_may_come_again(manned: Bench) -> None:
    first = manned.deposit(3 * KG)
    manned.point.correct(first, fraction="", reason="wrong card")
    manned.point.sign_out()
    assert first != manned.deposit(3 * KG)


def test_a_deposit_that_the_operator_took_back_is_not_taken_back_again(manned: Bench) -> None:
    deposit = manned.deposit(3 * KG)
    manned.point.correct(deposit, fraction="", reason="stones")
    manned.act(Undo())
    assert len(manned.records(CORRECTION)) == 1
    assert sums(manned.point) == {}


@pytest.mark.parametrize(
    ("fraction", "reason", "what"),
    [
        ("lamps", "why", "'lamps' is counted by the piece, this by the kg"),
        ("plastic", "why", "no fraction is called 'plastic'"),
        ("glass", "why", "it is so already"),
        ("", "", "a reason of 0 characters"),
        ("", "   ", "a reason of 0 characters"),
        ("", "x" * 201, "a reason of 201 characters"),
    ],
)
def test_a_correction_that_makes_no_sense_is_told(
    manned: Bench, fraction: str, reason: str, what: str
) -> None:
    deposit = manned.deposit()
    with pytest.raises(PeopleError, match=what):
        manned.point.correct(deposit, fraction=fraction, reason=reason)
    with pytest.raises(PeopleError, match="no deposit 'nobodys' is known here"):
        manned.point.correct("nobodys", fraction="", reason="why")
    assert manned.records(CORRECTION) == []


def test_corrections_are_known_after_a_restart(manned: Bench) -> None:
    one, other = manned.deposit(3 * KG), manned.deposit(4 * KG)
    manned.point.correct(one, fraction="paper", reason="a")
    manned.point.correct(one, fraction="", reason="b")
    manned.point.correct(other, fraction="paper", reason="c")
    before = manned.point.deposits()
    manned.power_cut()
    assert manned.point.deposits() == before
    assert [(done.deposit, done.now, done.reason) for done in before] == [
        (other, "paper", "c"),
        (one, "", "b"),
    ]
    assert sums(manned.point) == {"paper": 4}


def test_the_day_sheet_is_of_the_local_day(bench: Bench) -> None:
    bench.deposit(3 * KG)
    bench.wait(11 * 3_600_000)
    late = bench.deposit(4 * KG)
    assert len(bench.point.deposits()) == 2
    bench.wait(3_600_000)  # past midnight in Amsterdam, ten in the evening of UTC
    assert bench.point.deposits() == ()
    assert late


# Containers


def test_a_container_fills_is_emptied_and_fills_again(manned: Bench) -> None:
    manned.deposit(3 * KG)
    manned.deposit(6 * KG)
    assert not manned.point.offer().fractions[0].is_full
    manned.deposit(KG)
    assert manned.point.offer().fractions[0].is_full
    emptying = manned.point.emptied("glass", None)
    at_ms = manned.utc_ms
    manned.deposit(2 * KG)
    manned.point.hauled(emptying, 9_500_000)
    glass = manned.point.containers()[0]
    assert (glass.delivered_mg, glass.full_mg, glass.is_full) == (2 * KG, 10 * KG, False)
    assert glass.emptyings == (containers.Emptying(emptying, at_ms, 10 * KG, 0, 9_500_000),)
    assert [told(kept) for kept in manned.records(CONTAINER)] == [
        [
            ("kiosk/container", "glass"),
            ("kiosk/event", "emptied"),
            ("kiosk/emptying", emptying),
        ],
        [
            ("kiosk/container", "glass"),
            ("kiosk/event", "hauled"),
            ("kiosk/emptying", emptying),
            ("kiosk/hauled", "9500"),
        ],
    ]
    before = manned.point.containers()
    manned.power_cut()
    assert manned.point.containers() == before


def test_an_emptying_may_bring_the_hauliers_weight_at_once(manned: Bench) -> None:
    manned.point.emptied("paper", 120 * KG)
    (kept,) = manned.records(CONTAINER)
    assert told(kept)[-1] == ("kiosk/hauled", "120000")
    (emptying,) = manned.point.containers()[1].emptyings
    assert (emptying.delivered_mg, emptying.hauled_mg) == (0, 120 * KG)


def test_a_correction_counts_where_the_deposit_went(manned: Bench) -> None:
    """It was put in before the container was emptied, so it is what was hauled that changes."""
    deposit = manned.deposit(3 * KG)
    manned.deposit(4 * KG)
    manned.point.emptied("glass", None)
    manned.point.emptied("glass", None)
    manned.deposit(5 * KG)
    manned.point.correct(deposit, fraction="paper", reason="paper")
    glass, other, *_ = manned.point.containers()
    assert [one.delivered_mg // KG for one in glass.emptyings] == [0, 4]
    assert (glass.delivered_mg // KG, other.delivered_mg // KG) == (5, 3)


def test_the_sum_of_a_container_outlives_the_records_it_comes_from(manned: Bench) -> None:
    manned.deposit(3 * KG)
    manned.journal._disk.db.execute("DELETE FROM record")
    manned.power_cut()
    assert sums(manned.point) == {"glass": 3}
    assert manned.point.deposits() == ()


def test_what_is_taken_in_no_more_is_still_in_its_container(manned: Bench) -> None:
    manned.deposit(3 * KG)
    manned.point.new_policy(paper(RULES.replace("glass", "bottles").replace("06-01", "06-02")))
    assert sums(manned.point) == {"glass": 3}
    assert manned.point.emptied("glass", None)


def test_old_emptyings_are_forgotten_in_the_end(
    manned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "EMPTYINGS_MAX", 3)
    ids = [manned.point.emptied("glass", None) for _ in range(5)]
    manned.point.emptied("paper", None)
    assert [one.emptying for one in manned.point.containers()[0].emptyings] == ids[:1:-1]
    assert len(manned.point.containers()[1].emptyings) == 1


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda point: point.emptied("plastic", None), "no container is for 'plastic'"),
        (lambda point: point.emptied("glass", -1), "a mass of -1 mg"),
        (lambda point: point.emptied("glass", 0), "a mass of 0 mg"),
        (lambda point: point.hauled("x", KG), "no emptying 'x' is known here"),
        (lambda point: point.hauled("", KG), "no emptying '' is known here"),
        (lambda point: point.hauled("x", 10**18), "a mass of 1000000000000000000 mg"),
    ],
)
def test_a_container_that_is_not_there_is_told(
    manned: Bench, call: Callable[[Point], object], what: str
) -> None:
    manned.deposit()
    with pytest.raises(PeopleError, match=what):
        call(manned.point)
    assert manned.records(CONTAINER) == []


# Test weights and zero


def test_a_test_weight_is_written_down_as_the_scale_shows_it(manned: Bench) -> None:
    manned.weigh(0)
    manned.weigh(20_005_000)
    shown = manned.point.test_weight(20 * KG)
    (kept,) = manned.records(TEST_WEIGHT)
    assert told(kept) == [
        ("kiosk/nominal", "20000"),
        ("kiosk/division", "5"),
        ("scale/gross", "20005"),
        ("scale/tare", "0"),
        ("scale/net", "20005"),
        ("scale/telegram", ""),
    ]
    assert (shown.nominal_mg, shown.shown_mg) == (20 * KG, 20_005_000)
    manned.weigh(19_995_000)
    manned.point.test_weight(20 * KG)
    manned.power_cut()
    assert [one.shown_mg for one in manned.point.test_weights()] == [19_995_000, 20_005_000]


@pytest.mark.parametrize(
    ("before", "what"),
    [
        (lambda bench: None, "the scale shows no weight"),
        (lambda bench: bench.weigh(KG, doubt="unstable"), "the weight is not steady yet"),
        (lambda bench: bench.weigh(KG, times=12, doubt="unjudged"), "the weight is not steady"),
        (lambda bench: (bench.weigh(KG), bench.wait(2_001)), "the scale shows no weight"),
        (lambda bench: (bench.weigh(KG), bench.fault("over")), "the scale shows no weight"),
        (lambda bench: (bench.weigh(KG), bench.fault("unit")), "the scale shows no weight"),
        (lambda bench: (bench.weigh(KG), bench.point.lost("scale")), "the scale shows no weight"),
    ],
)
def test_only_a_steady_weight_that_is_seen_now_is_a_test_weight(
    manned: Bench, before: Callable[[Bench], object], what: str
) -> None:
    before(manned)
    with pytest.raises(PeopleError, match=what):
        manned.point.test_weight(KG)
    assert manned.records(TEST_WEIGHT) == []


def test_noise_between_two_weights_is_no_other_weight(manned: Bench) -> None:
    for _ in range(13):
        manned.weigh(KG, times=1, doubt="unjudged")
        manned.point.hear("scale", Message(0, b"", (), (Fault("noise", 0, 3),)))
    assert manned.point.test_weight(KG).shown_mg == KG


def test_a_scale_that_never_says_steady_is_believed_after_three_seconds(manned: Bench) -> None:
    manned.weigh(KG, times=13, doubt="unjudged")
    assert manned.point.test_weight(KG).shown_mg == KG


def test_the_scale_is_told_zero_where_it_can_be(manned: Bench) -> None:
    words: list[str] = []
    manned.point.tell_scale = lambda word: words.append(word) is None
    manned.point.zero()
    assert words == ["zero"]
    manned.point.tell_scale = lambda _: False
    with pytest.raises(PeopleError, match="takes no commands, or its line is lost"):
        manned.point.zero()


@pytest.mark.parametrize(
    ("gross_mg", "is_told"),
    [(100_000, False), (99_000, True), (-2_000_000, True)],
)
def test_a_bag_on_the_scale_is_not_made_nothing(
    manned: Bench, gross_mg: int, is_told: bool
) -> None:
    words: list[str] = []
    manned.point.tell_scale = lambda word: words.append(word) is None
    manned.weigh(gross_mg)
    with (
        contextlib.nullcontext()
        if is_told
        else pytest.raises(PeopleError, match="something lies on the scale")
    ):
        manned.point.zero()
    assert words == ["zero"] * is_told


def test_an_operator_may_take_in_what_others_may_not(bench: Bench) -> None:
    bench.weigh(0)
    bench.tap()
    bench.act(Choose("paint"))
    assert bench.point.view().word == "operator_needed"
    bench.point.sign_in(PIN)
    deposit = bench.deposit(fraction="paint")
    (done,) = bench.point.deposits()
    assert (done.deposit, done.by_operator) == (deposit, True)


# The door


class Clock:
    ms = 0

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_after_five_wrong_pins_nobody_comes_in_for_a_minute(tmp_path: Path, clock: Clock) -> None:
    pin.write(tmp_path / "pin", "0042")
    door = Door(tmp_path / "pin", real_ms=clock)
    assert [door.knock(wrong) for wrong in ("42", "0043", "", "0042 ")] == [False] * 4
    assert door.knock("0042")
    assert [door.knock("0043") for _ in range(5)] == [False] * 5
    with pytest.raises(PeopleError, match="wait 60 seconds"):
        door.knock("0042")
    clock.ms = 59_001
    with pytest.raises(PeopleError, match="wait 1 seconds"):
        door.knock("0042")
    clock.ms = 60_000
    assert door.knock("0042")


def test_a_pin_file_holds_no_pin_and_is_for_its_owner_only(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        pin.write(path, "123456")
        assert b"123456" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert one.read_text() != other.read_text()


@pytest.mark.parametrize("text", ["", "4711\n", "scrypt 00 00\n", "\xff"])
def test_a_file_without_a_pin_says_how_to_make_one(tmp_path: Path, clock: Clock, text: str) -> None:
    path = tmp_path / "operator.pin"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=f"meterkast kiosk pin {path}"):
        Door(path, real_ms=clock)
    with pytest.raises(ConfigError, match="no PIN is kept in this file"):
        Door(tmp_path / "nowhere", real_ms=clock)


def test_a_point_without_a_pin_has_no_operator(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.settings = bench.settings.model_copy(update={"pin": None})
    bench.power_cut()
    with pytest.raises(PeopleError, match="this point has no PIN"):
        bench.point.sign_in(PIN)
    bench.journal.close()


def test_a_wrong_pin_lets_nobody_in_and_no_pin_is_ever_logged(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not bench.point.sign_in("1234567")
    assert not bench.point.view().operator
    assert bench.point.sign_in(PIN)
    assert bench.point.view().operator
    out = capsys.readouterr()
    assert "pin_was_wrong" in out.out
    assert not [secret for secret in ("1234567", PIN) if secret in out.out + out.err]


def test_the_command_keeps_a_pin_that_opens_the_door(
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("80085\n"))
    command.pin(tmp_path / "operator.pin")
    assert Door(tmp_path / "operator.pin", real_ms=clock).knock("80085")
    assert "80085" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["", "123\n", "12345678901234\n", "12a4\n", "\u0661\u0662\u0663\u0664\n"]
)
def test_the_command_refuses_what_is_no_pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    with pytest.raises(UsageError, match="a PIN has 4 to 12 digits"):
        command.pin(tmp_path / "operator.pin")
    assert not (tmp_path / "operator.pin").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_the_pin_is_asked_twice(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["1234", "1243", "1234", "1234"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    with pytest.raises(UsageError, match="the two PINs differ"):
        command.pin(tmp_path / "operator.pin")
    command.pin(tmp_path / "operator.pin")
    assert Door(tmp_path / "operator.pin", real_ms=clock).knock("1234")
