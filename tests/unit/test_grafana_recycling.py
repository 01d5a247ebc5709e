"""The dashboard of a recycling point shows what its points say, by figures worked out by hand."""

import pytest

from ledger_bridge.grafana.recycling import RECYCLING
from ledger_bridge.timeseries.schema import CONTAINER, DEPOSIT, EMPTYING, REFUSAL, WEIGHT, line
from tests.grafana_answers import Shown, answers
from tests.grafana_queries import Span

# 21 June 2026, 08:00 to 20:00 in Amsterdam.
BEGIN_MS = 1_782_021_600_000
SPAN = Span(BEGIN_MS, BEGIN_MS + 12 * 3_600_000)
GLASS, PAPER, LAMPS = "glass", "paper", "lamps"


def at(minute: int) -> int:
    return BEGIN_MS + minute * 60_000


def deposit(minute, fraction, *, brought, counted, bags, account="a1", unit="kg", point="point"):
    key = DEPOSIT.key("zonstraat", account, point, fraction, unit)
    return line(key, [("brought", brought), ("counted", counted), ("bags", bags)], at(minute))


@pytest.fixture
def day(influx):
    kiosk = REFUSAL.key("zonstraat", "point", "-", "kiosk", "dirty")
    influx.write(
        # 2.5 kg and 1 kg of glass in the first hour, 4 kg in the third, of which 1 kg waits.
        deposit(0, GLASS, brought=2_500_000, counted=2_500_000, bags=1),
        deposit(45, GLASS, brought=1_000_000, counted=1_000_000, bags=2, account="a2"),
        deposit(135, GLASS, brought=4_000_000, counted=3_000_000, bags=1),
        deposit(135, PAPER, brought=7_250_000, counted=7_250_000, bags=3),
        deposit(150, LAMPS, brought=4_000, counted=4_000, bags=1, unit="piece"),
        deposit(150, GLASS, brought=9_000_000, counted=0, bags=5, point="elsewhere"),
        line(CONTAINER.key("zonstraat", "point", GLASS), [("inside", 210_000_000)], at(0)),
        line(CONTAINER.key("zonstraat", "point", GLASS), [("inside", 225_000_000)], at(135)),
        line(CONTAINER.key("zonstraat", "point", PAPER), [("inside", 7_250_000)], at(135)),
        line(EMPTYING.key("zonstraat", "point", PAPER), [("delivered", 180_000_000)], at(30)),
        line(
            EMPTYING.key("zonstraat", "point", GLASS),
            [("delivered", 250_000_000), ("hauled", 229_500_000)],
            at(60),
        ),
        line(kiosk, [("times", 2)], at(15)),
        line(kiosk, [("times", 1)], at(90)),
        line(REFUSAL.key("zonstraat", "point", "-", "deposit", "most"), [("times", 1)], at(135)),
        line(REFUSAL.key("zonstraat", "home", "hall", "meter", "future"), [("times", 9)], at(0)),
        line(
            WEIGHT.key("zonstraat", "point", "scale"),
            [
                ("nominal", 20_000_000),
                ("shown", 20_012_000),
                ("error", 12_000),
                ("allowed", 30_000),
            ],
            at(10),
        ),
    )
    return influx


CASES = {
    "kg": (1, [Shown("A", {}, [[0, 14.75]])]),
    "pieces": (2, [Shown("A", {}, [[0, 4]])]),
    "deposits": (3, [Shown("A", {}, [[0, 8]])]),
    "turned away or not credited": (4, [Shown("A", {}, [[0, 4]])]),
    "kg by hour": (
        5,
        [
            Shown("A", {"fraction": GLASS}, [[0, 3.5], [120, 4]]),
            Shown("A", {"fraction": PAPER}, [[120, 7.25]]),
        ],
    ),
    "deposits by hour": (
        6,
        [
            Shown("A", {"fraction": GLASS}, [[0, 3], [120, 1]]),
            Shown("A", {"fraction": LAMPS}, [[120, 1]]),
            Shown("A", {"fraction": PAPER}, [[120, 3]]),
        ],
    ),
    "pieces by hour": (7, [Shown("A", {"fraction": LAMPS}, [[120, 4]])]),
    "what counts and what does not": (
        8,
        [Shown("A", {}, [[0, 3.5], [120, 10.25]]), Shown("B", {}, [[0, 0], [120, 1]])],
    ),
    "how full": (
        9,
        [
            Shown("A", {"gateway": "point", "fraction": GLASS}, [[135, 75]]),
            Shown("A", {"gateway": "point", "fraction": PAPER}, [[135, 7.25 / 3]]),
        ],
    ),
    "inside": (
        10,
        [
            Shown("A", {"gateway": "point", "fraction": GLASS}, [[0, 210], [135, 225]]),
            Shown("A", {"gateway": "point", "fraction": PAPER}, [[135, 7.25]]),
        ],
    ),
    "emptied": (
        11,
        [
            Shown("A", {"gateway": "point", "fraction": GLASS}, [[60, 250, 229.5, 20.5]]),
            Shown("A", {"gateway": "point", "fraction": PAPER}, [[30, 180, None, None]]),
        ],
    ),
    "how far off": (
        12,
        [
            Shown(letter, {"gateway": "point", "device": "scale"}, [[10, grams]])
            for letter, grams in (("A", 12), ("B", 30), ("C", -30))
        ],
    ),
    "turned away": (13, [Shown("A", {"reason": "dirty"}, [[0, 3]])]),
    "not credited": (14, [Shown("A", {"reason": "most"}, [[0, 1]])]),
}


@pytest.mark.parametrize(("panel", "shown"), CASES.values(), ids=CASES)
def test_each_panel_shows_what_the_points_say(day, panel, shown):
    found = answers(RECYCLING, panel, day, SPAN, {"gateway": "point"})
    # Queries without spans of time begin at theirs, which for some panels is 92 days ago.
    assert shown == [
        one._replace(rows=[[max(row[0], 0), *row[1:]] for row in one.rows]) for one in found
    ]


def test_every_panel_is_tried():
    ids = {part.id for part in RECYCLING.parts if hasattr(part, "kind")}
    assert ids == {panel for panel, _ in CASES.values()}


@pytest.mark.parametrize(("capacity", "percent"), [("900", 25), ("562.5", 40)])
def test_a_container_is_as_full_as_its_capacity_says(day, capacity, percent):
    choice = {"gateway": "point", "fraction": GLASS, "capacity": capacity}
    (shown,) = answers(RECYCLING, 9, day, SPAN, choice)
    assert percent == shown.rows[0][1]
