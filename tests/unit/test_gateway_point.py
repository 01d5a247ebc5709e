"""The recycling point: what scale and reader say becomes one record per deposit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.reading import Fault, Message, Reading
from gateway.contract import cards, record
from gateway.contract.keys import SigningKey, unb64
from gateway.journal import EVIDENCE, Journal
from gateway.kiosk.point import Point, weight_of
from gateway.kiosk.session import SENTENCES, OutOfRange, Weight
from gateway.quarter import Moment

NOON = 1_780_308_000_000
CARD_KEY = bytes(range(32))
NOOR = "0A00ABCDEF"
GLASS = "0A00F00001"


class Bench:
    """A point whose real and domain clocks are moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = 0
        self.domain_ms = NOON
        self.folder = folder
        self.open()

    def open(self) -> None:
        key = SigningKey(bytes(32))
        self.journal = Journal.open(self.folder, community="z", gateway="point", key=key, boot="b")
        self.point = Point(
            self.journal,
            scale="scale",
            reader="reader",
            card_key=CARD_KEY,
            fractions={GLASS.lower(): "glass"},
            moment=lambda: Moment(self.domain_ms, self.domain_ms, "synced"),
            real_ms=lambda: self.now_ms,
        )

    def weigh(self, *net_mg: int) -> None:
        for value in net_mg:
            self.now_ms += 250
            reading = Reading("net", value, "mg", None, "", None, "unchecked")
            self.point.hear("scale", Message(0, b"S S %d g\r\n" % value, (reading,)))

    def tap(self, number: str, *, after_ms: int = 100) -> None:
        self.now_ms += after_ms
        self.point.hear("reader", Message(0, b"", (Reading("card", number),)))

    def deposits(self) -> list[record.Record]:
        (chain,) = [c.chain for c in self.journal.chains() if c.kind == EVIDENCE]
        return [record.parse(data)[1] for data in self.journal.records(chain, start=1, limit=99)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def deposit(bench: Bench, number: str = NOOR) -> None:
    bench.weigh(0)
    bench.tap(number)
    bench.tap(GLASS)
    bench.weigh(3_250_000, 3_250_000, 3_250_000)


def test_a_deposit_is_one_record_with_all_that_was_weighed(bench: Bench) -> None:
    deposit(bench)
    (kept,) = bench.deposits()
    by_name = {one.n: one for one in kept.elements}
    assert kept.typ == "mk-deposit-v1"
    assert [(n, bytes(by_name[n].v), by_name[n].u) for n in list(by_name)[:3]] == [
        ("scale/gross", b"3250", "g"),
        ("scale/tare", b"0", "g"),
        ("scale/net", b"3250", "g"),
    ]
    assert by_name["kiosk/fraction"].vs == "glass"
    assert by_name["kiosk/card"].vs == cards.token(NOOR, CARD_KEY)
    assert bytes(by_name["kiosk/stable"].v) == b"3"
    assert unb64(by_name["scale/telegram"].vd) == b"S S 3250000 g\r\n"
    assert bench.point.shown is not None
    assert by_name["kiosk/deposit"].vs == bench.point.shown.id
    assert bench.point.session.sentence == SENTENCES["accepted"]


def test_the_cards_number_is_nowhere_in_the_journal(bench: Bench) -> None:
    deposit(bench)
    bench.journal.close()
    assert not any(NOOR.encode() in path.read_bytes() for path in bench.folder.iterdir())
    bench.open()


def test_a_card_held_at_the_reader_is_one_tap(bench: Bench) -> None:
    bench.weigh(0)
    for _ in range(60):
        bench.tap(NOOR, after_ms=300)
        bench.weigh(0)
    assert bench.point.session.sentence == SENTENCES["no_fraction"]
    bench.tap(NOOR, after_ms=1_000)
    assert bench.point.session.phase == "card"


def test_after_a_restart_the_last_deposit_shows_until_the_scale_is_empty(bench: Bench) -> None:
    deposit(bench)
    bench.journal.close()
    bench.domain_ms += 600_000
    bench.open()
    assert bench.point.shown is not None
    assert bench.point.shown.net_mg == 3_250_000
    assert (bench.point.session.phase, bench.point.session.sentence) == ("clear", SENTENCES["last"])
    bench.tap(NOOR)
    bench.tap(GLASS)
    bench.weigh(3_250_000, 3_250_000, 3_250_000)
    assert len(bench.deposits()) == 1
    bench.weigh(0)
    assert (bench.point.session.phase, bench.point.shown) == ("idle", None)


def test_an_old_deposit_is_not_shown_after_a_restart(bench: Bench) -> None:
    deposit(bench)
    bench.journal.close()
    bench.domain_ms += 600_001
    bench.open()
    assert bench.point.shown is None


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        (Message(0, b"x", (Reading("net", 5, "mg"),)), Weight(5, True, 5, 0, b"x")),
        (
            Message(0, b"x", (Reading("net", 5, "mg", doubt="unstable"),)),
            Weight(5, False, 5, 0, b"x"),
        ),
        (
            Message(0, b"x", (Reading("gross", 9, "mg"), Reading("tare", 4, "mg"))),
            Weight(5, True, 9, 4, b"x"),
        ),
        (
            Message(0, b"x", (Reading("net", 5, "mg"), Reading("gross", 9, "mg"))),
            Weight(5, True, 9, 4, b"x"),
        ),
        (Message(0, b"", (), (Fault("over", 0, 5),)), OutOfRange("over")),
        (Message(0, b"", (), (Fault("noise", 0, 5),)), None),
        (Message(0, b"", (Reading("net", 5, "piece"),)), None),
    ],
)
def test_what_a_scale_says(message: Message, meant: Weight | OutOfRange | None) -> None:
    assert weight_of(message) == meant
