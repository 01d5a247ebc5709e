"""The dashboard of operations shows what gateways and hub say, by figures worked out by hand."""

import pytest

from ledger_bridge.grafana.alerts import RULES
from ledger_bridge.grafana.operations import OPERATIONS
from ledger_bridge.timeseries.schema import BRIDGE, FAULT, GATEWAY, LINE, line
from tests.grafana_answers import Shown, answers
from tests.grafana_queries import Span
from tests.influx import MONTHS

# 21 June 2026, 08:00 to 09:00 in Amsterdam: an hour, so that spans are a minute long.
BEGIN_MS = 1_782_021_600_000
SPAN = Span(BEGIN_MS, BEGIN_MS + 3_600_000)
HOME, POINT = {"gateway": "home"}, {"gateway": "point"}
HALL = HOME | {"device": "hall"}


def at(minute: int) -> int:
    return BEGIN_MS + minute * 60_000


@pytest.fixture
def hour(influx):
    home, point = GATEWAY.key("zonstraat", "home"), GATEWAY.key("zonstraat", "point")
    hall = LINE.key("zonstraat", "home", "hall", "p1")
    crc = FAULT.key("zonstraat", "home", "hall", "checksum")
    hub = BRIDGE.key("zonstraat")
    influx.write(
        *(
            line(
                home,
                [
                    *(("online", 1), ("silent", 0), ("pending", pending), ("lag", 1_500)),
                    ("overdue", 61_000),
                    *(("clock_rank", rank), ("disk_free", 2_000_000_000), ("alarms", 0)),
                    *(("written_day", 32_000_000), ("temperature", 51_500), ("low_voltage", 0)),
                ],
                at(minute),
            )
            for minute, pending, rank in ((10, 4, 3), (11, 9, 0), (12, 2, 3))
        ),
        # A gateway that says nothing of itself; the hub tells whether it is there.
        line(point, [("online", 1), ("silent", 60)], at(10)),
        line(point, [("online", 0), ("silent", 50)], at(11)),
        line(hall, [("up", 1), ("damaged", 25_000)], at(10)),
        line(hall, [("up", 0), ("damaged", 0)], at(11)),
        # Each in another quarter-hour; before the third the gateway was started anew.
        *(
            line(crc, [("so_far", n)], at(minute))
            for minute, n in ((10, 3), (20, 10), (40, 2), (50, 4))
        ),
        line(
            hub,
            [
                *(("stored", 1_000), ("repeated", 0), ("refused", 2), ("receipts", 100)),
                *(("dirty", 3), ("held", 2), ("behind", 40), ("quarantined", 0), ("linked", 1)),
                *(("verified", 1), ("verify_age", 86_000)),
            ],
            at(10),
        ),
        line(
            hub,
            [
                *(("stored", 1_120), ("repeated", 6), ("refused", 2), ("receipts", 160)),
                *(("dirty", 0), ("held", 2), ("behind", 0), ("quarantined", 1), ("linked", 0)),
                *(("verified", 0), ("verify_age", 60)),
            ],
            at(11),
        ),
        database=MONTHS,
    )
    return influx


CASES = {
    "gateways": (
        1,
        [
            Shown("A", HOME, [[0, 1, 0, 3, 2, 1.5, 61, 2_000_000_000, 32_000_000, 51.5, 0, 0]]),
            Shown("A", POINT, [[0, 0, 50, *(9 * [None])]]),
        ],
    ),
    "what waits": (2, [Shown("A", HOME, [[10, 4], [11, 9], [12, 2]])]),
    "lag": (3, [Shown("A", HOME, [[10, 1.5], [11, 1.5], [12, 1.5]])]),
    "clock": (4, [Shown("A", HOME, [[10, 3], [11, 0], [12, 3]])]),
    "connected": (
        5,
        [Shown("A", HOME, [[10, 1], [11, 1], [12, 1]]), Shown("A", POINT, [[10, 1], [11, 0]])],
    ),
    "written": (6, [Shown("A", HOME, [[0, 32_000_000]])]),
    "free": (7, [Shown("A", HOME, [[0, 2_000_000_000]])]),
    "temperature": (8, [Shown("A", HOME, [[10, 51.5], [11, 51.5], [12, 51.5]])]),
    "voltage": (9, [Shown("A", HOME, [[10, 0], [11, 0], [12, 0]])]),
    "lines": (10, [Shown("A", HALL, [[10, 1], [11, 0]])]),
    "faults": (11, [Shown("A", HALL | {"fault_kind": "checksum"}, [[15, 7], [45, 2]])]),
    "damaged": (12, [Shown("A", HALL, [[10, 2.5], [11, 0]])]),
    "verified": (14, [Shown("A", {}, [[11, 0]])]),
    "verified when": (15, [Shown("A", {}, [[11, 60]])]),
    "held": (16, [Shown("A", {}, [[11, 2]])]),
    "quarantined": (17, [Shown("A", {}, [[11, 1]])]),
    "rates": (
        18,
        [
            Shown(letter, {}, [[11, rate]])
            for letter, rate in (("A", 120), ("B", 6), ("C", 0), ("D", 60))
        ],
    ),
    "linked": (20, [Shown("A", {}, [[10, 1], [11, 0]])]),
    "to do": (
        19,
        [
            Shown(letter, {}, [[10, before], [11, after]])
            for letter, before, after in (("A", 3, 0), ("B", 2, 2), ("C", 40, 0), ("D", 0, 1))
        ],
    ),
}


@pytest.mark.parametrize(("panel", "shown"), CASES.values(), ids=CASES)
def test_each_panel_shows_what_the_points_say(hour, panel, shown):
    found = answers(OPERATIONS, panel, hour, SPAN)
    told = [one._replace(rows=[row for row in one.rows if row[1:] != [None]]) for one in found]
    assert shown == [one for one in told if one.rows]


def test_what_was_not_told_is_a_gap(hour):
    """Minute for minute, with nothing in between."""
    (home,) = answers(OPERATIONS, 2, hour, SPAN)
    assert 61 == len(home.rows)
    assert [[9, None], [10, 4]] == home.rows[9:11]


WORST = {
    "what waits": (2, HOME, 9),
    "clock": (4, HOME, 0),
    "connected": (5, POINT, 0),
    "lines": (10, HALL, 0),
    "damaged": (12, HALL, 2.5),
    "to do": (19, {}, 3),
    "linked": (20, {}, 0),
}


@pytest.mark.parametrize(("panel", "tags", "worst"), WORST.values(), ids=WORST)
def test_from_afar_the_worst_is_seen(hour, panel, tags, worst):
    """Of a month, which is drawn by half-hours."""
    month = Span(BEGIN_MS - 29 * 86_400_000, BEGIN_MS + 86_400_000)
    shown = next(one for one in answers(OPERATIONS, panel, hour, month) if one.tags == tags)
    values = [value for _, value in shown.rows if value is not None]
    assert worst == values[0]


def test_every_panel_is_tried():
    ids = {part.id for part in OPERATIONS.parts if hasattr(part, "kind")}
    assert ids == {panel for panel, _ in CASES.values()}


def test_alerts_lead_to_panels_that_are_there():
    ids = {part.id for part in OPERATIONS.parts if hasattr(part, "kind")}
    assert {rule.panel for rule in RULES} <= ids
