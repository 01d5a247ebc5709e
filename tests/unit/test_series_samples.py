"""Samples are told as their gateway took them, for whoever the meter was by then."""

import pytest
from msgspec import Raw

from drivers.reading import Reading
from gateway.contract.record import SAMPLES, Element, element
from ledger_bridge.books.changed import turn
from ledger_bridge.books.registry.edits import MeterFitted
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import samples
from tests.series import Follower, written_anew
from tests.street import ID, MIDNIGHT_MS, Chain, Street

MINUTE_MS = 60_000


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path)
    street.chain = Chain("home", "samples-000000000001")
    return street


def pack(*shown, made_minute=15):
    """Minutes with what was shown then."""
    base_ms = MIDNIGHT_MS + made_minute * MINUTE_MS
    return [
        element("hall", one._replace(at_ms=MIDNIGHT_MS + minute * MINUTE_MS), base_ms=base_ms)
        for minute, one in shown
    ]


def send(street, *shown, clock="synced"):
    made_ms = MIDNIGHT_MS + 15 * MINUTE_MS
    data = street.chain.record(pack(*shown), made_ms=made_ms, typ=SAMPLES, clock=clock)
    street.take("home", data)


def power(mw):
    return Reading("1-0:1.7.0", mw, "mW", None, "E1")


def test_each_stands_at_its_time_with_the_clock_it_was_taken_by(street):
    shown = [(1, power(700)), (2, power(1_250_000)), (2, Reading("0-0:96.13.0", "text"))]
    send(street, *shown, clock="held")
    tags = {"account": "acc-noor", "device": "hall", "register": "1-0:1.7.0", "unit": "W"}
    expected = {MIDNIGHT_MS + MINUTE_MS: 700, MIDNIGHT_MS + 2 * MINUTE_MS: 1_250_000}
    found = written_anew(street).of("sample", **tags, clock="held")
    assert expected == {at_ms: one["value"] for at_ms, one in found.items()}


def test_they_are_kept_for_months_and_counted_for_nobody(street):
    send(street, (1, Reading("1-0:1.8.1", 700, "mWh", None, "E1")))
    reader = Reader(street.path, ID)
    written, last = samples.read(reader, after=0, limit=10)
    assert ((), 1, 1) == (written.years, len(written.months), last)
    assert {"sample"} == {one.measurement for one in written_anew(street)}


def test_what_is_read_goes_on_after_the_last(street):
    for minute in range(5):
        send(street, (minute, power(minute)))
    reader = Reader(street.path, ID)
    counts, after = [], 0
    for _ in range(3):
        written, after = samples.read(reader, after=after, limit=2)
        counts.append(len(written.months))
    assert [2, 2, 1] == counts
    assert 5 == after == samples.read(reader, after=after, limit=2)[1]


def test_no_more_is_in_mind_than_there_is_room_for(street, monkeypatch):
    for minute in range(5):
        send(street, (minute, power(minute)), (minute + 5, power(minute)))
    monkeypatch.setattr(samples, "LINES_ENOUGH", 3)
    reader = Reader(street.path, ID)
    written, last = samples.read(reader, after=0, limit=5)
    assert (4, 2) == (len(written.months), last)
    assert [0, 4, 4, 2] == [len(one.months) for one in samples.again(reader, "home")]


@pytest.mark.parametrize(
    "odd",
    [
        Element(n="hall/1-0:1.7.0", u="W", v=Raw(b"1.23456")),
        Element(n="hall/1-0:1.7.0", v=Raw(b"7")),
        Element(n="hall/1-0:1.7.0", u="W", v=Raw(b"7"), t=Raw(b"1e5")),
        Element(n="hall/1-0:1.7.0", u="W", v=Raw(b"7"), t=Raw(b"9000000000")),
        Element(n="1-0:1.7.0", u="W", v=Raw(b"7")),
    ],
    ids=["inexact", "no unit", "no number for a time", "in 2311", "no device"],
)
def test_what_cannot_be_told_is_left_out_alone(street, odd):
    elements = [odd, *pack((1, power(700)))]
    made_ms = MIDNIGHT_MS + 15 * MINUTE_MS
    street.take("home", street.chain.record(elements, made_ms=made_ms, typ=SAMPLES))
    assert [{"value": 700}] == list(written_anew(street).of("sample").values())


def test_they_go_along_with_the_meter_to_whom_it_turns_out_to_be(street):
    send(street, (1, power(700)), (10, power(900)))
    reader = Reader(street.path, ID)
    follower = Follower(reader)
    follower.follow(up_to=turn(street.community.db, ID))
    street.edit(MeterFitted("home", "hall", "", "bram", MIDNIGHT_MS + 5 * MINUTE_MS))
    follower.follow(up_to=turn(street.community.db, ID))
    for member, minute, mw in (("noor", 1, 700), ("bram", 10, 900)):
        found = follower.series.of("sample", account=f"acc-{member}")
        assert {MIDNIGHT_MS + minute * MINUTE_MS: {"value": mw}} == found


def test_they_go_with_their_record(street):
    """One that turns out to be signed by a key that had ended."""
    send(street, (1, power(700)))
    send(street, (2, power(900)))
    follower = Follower(Reader(street.path, ID))
    follower.follow(up_to=turn(street.community.db, ID))
    street.community.db.execute("DELETE FROM record WHERE seq = 1")
    follower.follow(up_to=turn(street.community.db, ID))
    assert {MIDNIGHT_MS + 2 * MINUTE_MS: {"value": 900}} == follower.series.of("sample")
