"""The co-op's dashboard shows what the points say, by figures worked out by hand."""

import pytest

from ledger_bridge.grafana import coop
from ledger_bridge.grafana.panels import Community, Panel
from ledger_bridge.timeseries.schema import CREDIT, DAY, DEPOSIT, REFUSAL, SILENCE, STREET, line
from tests.grafana_answers import Shown, answers, without_gaps
from tests.grafana_queries import Span
from tests.influx import MONTHS

BOARD = coop.board(Community("Europe/Amsterdam", {"ENERGY": 6, "HOURS": 2}))
# 21 and 22 June 2026 in Amsterdam.
BEGIN_MS = 1_781_992_800_000
DAY_MIN = 1_440
SPAN = Span(BEGIN_MS, BEGIN_MS + 2 * DAY_MIN * 60_000)
CHOICE = {"community": "zonstraat", "rule": "shared"}


A_KWH = [(name, 1_000_000) for name in ("produced", "used", "together")]


def at(minute: int) -> int:
    return BEGIN_MS + minute * 60_000


def street(minute, *, produced, used, together, community="zonstraat", rule="shared"):
    fields = {
        "produced": produced,
        "used": used,
        "together": together,
        "left": produced - together,
        "final": 1,
    }
    return line(STREET.key(community, rule), fields.items(), at(minute))


def credit(minute, account, role, kind, *, plus=0, minus=0, asset="ENERGY", rule="-"):
    fields = [("plus", plus), ("minus", minus), ("bookings", 1)]
    return line(CREDIT.key("zonstraat", account, role, asset, kind, rule), fields, at(minute))


def deposit(minute, fraction, counted, *, unit="kg", point="point"):
    key = DEPOSIT.key("zonstraat", "a1", point, fraction, unit)
    return line(key, [("brought", counted), ("counted", counted), ("bags", 1)], at(minute))


def refusal(minute, gateway, what, reason, times):
    return line(
        REFUSAL.key("zonstraat", gateway, "-", what, reason), [("times", times)], at(minute)
    )


@pytest.fixture
def life(influx):
    influx.write(
        # In the first quarter-hour 2 kWh given back, of which neighbours used 1.5.
        street(600, produced=2_000_000, used=3_000_000, together=1_500_000),
        street(615, produced=1_000_000, used=1_000_000, together=1_000_000),
        street(DAY_MIN + 600, produced=500_000, used=5_500_000, together=500_000),
        street(2 * DAY_MIN - 30, produced=250_000, used=500_000, together=250_000),
        # Of a rule that shares the same energy, and of another street.
        street(600, produced=2_000_000, used=3_000_000, together=1_000_000, rule="poor"),
        street(600, produced=9_000_000, used=9_000_000, together=9_000_000, community="elders"),
        line(DAY.key("zonstraat", "a1", "taken"), [("gained", 3_500_000)], at(0)),
        line(DAY.key("zonstraat", "a2", "taken"), [("gained", 1_250_000)], at(0)),
        line(DAY.key("zonstraat", "a2", "given"), [("gained", 3_000_000)], at(0)),
        line(DAY.key("zonstraat", "a1", "taken"), [("gained", 4_000_000)], at(DAY_MIN)),
        line(DAY.key("zonstraat", "a1", "gas"), [("gained", 8_000_000)], at(DAY_MIN)),
        # Given out before the time in view, and within it: 10, 5 less 1 corrected.
        credit(-3_000, "iss", "issuance", "entitlement", minus=10_000_000, rule="shared"),
        credit(-3_000, "a1", "member", "entitlement", plus=10_000_000, rule="shared"),
        credit(60, "iss", "issuance", "entitlement", minus=5_000_000, rule="shared"),
        credit(60, "a2", "member", "entitlement", plus=5_000_000, rule="shared"),
        credit(DAY_MIN + 60, "iss", "issuance", "entitlement", plus=1_000_000, rule="shared"),
        credit(DAY_MIN + 60, "a2", "member", "entitlement", minus=1_000_000, rule="shared"),
        # 4 of them for 2 hours, 3 given back for good and 1 of that reversed.
        credit(120, "a1", "member", "exchange", minus=4_000_000),
        credit(120, "pool", "pool", "exchange", plus=4_000_000),
        credit(120, "a1", "member", "exchange", plus=200, asset="HOURS"),
        credit(120, "pool", "pool", "exchange", minus=200, asset="HOURS"),
        credit(180, "a1", "member", "retire", minus=3_000_000),
        credit(180, "gone", "retired", "retire", plus=3_000_000),
        credit(DAY_MIN + 180, "a1", "member", "reverse", plus=1_000_000),
        credit(DAY_MIN + 180, "gone", "retired", "reverse", minus=1_000_000),
        # After the time in view.
        credit(3 * DAY_MIN, "a1", "member", "entitlement", plus=99_000_000),
        refusal(60, "home", "meter", "rating", 2),
        refusal(600, "home", "meter", "rating", 1),
        refusal(600, "mill", "meter", "lower", 1),
        refusal(600, "point", "deposit", "most", 4),
        refusal(600, "point", "kiosk", "dirty", 5),
        deposit(480, "glass", 2_500_000),
        deposit(495, "glass", 1_000_000, point="barn"),
        deposit(DAY_MIN + 480, "glass", 4_000_000),
        deposit(DAY_MIN + 480, "paper", 7_250_000),
        deposit(480, "lamps", 12_000, unit="piece"),
    )
    silences = (("a1", 3, -16), ("a1", 18, -1), ("a2", 1_500, -1))
    influx.write(
        *(
            line(SILENCE.key("zonstraat", account), [("minutes", minutes)], at(2 * DAY_MIN + end))
            for account, minutes, end in silences
        ),
        database=MONTHS,
    )
    return influx


CASES = {
    "the last quarter-hour": (
        101,
        [
            Shown("A", {}, [[2850, 0.25]]),
            Shown("B", {}, [[2850, 0.5]]),
            Shown("C", {}, [[2850, 0.25]]),
        ],
    ),
    "in this time": (
        102,
        [
            Shown("A", {}, [[0, 3.75]]),
            Shown("B", {}, [[0, 10]]),
            Shown("C", {}, [[0, 3.25]]),
            Shown("D", {}, [[0, 0.5]]),
        ],
    ),
    "self-sufficient": (103, [Shown("A", {}, [[0, 32.5]])]),
    "taken by quarter-hour": (
        111,
        [
            Shown("A", {}, [[600, 1.5], [615, 1], [2040, 0.5], [2850, 0.25]]),
            Shown("B", {}, [[600, 1.5], [615, 0], [2040, 5], [2850, 0.25]]),
        ],
    ),
    "given back by quarter-hour": (
        112,
        [
            Shown("A", {}, [[600, 1.5], [615, 1], [2040, 0.5], [2850, 0.25]]),
            Shown("B", {}, [[600, 0.5], [615, 0], [2040, 0], [2850, 0]]),
        ],
    ),
    "shared by day": (
        113,
        [Shown("A", {}, [[0, 2.5], [1440, 0.75]]), Shown("B", {}, [[0, 1.5], [1440, 5.25]])],
    ),
    "self-sufficient by day": (114, [Shown("A", {}, [[0, 62.5], [1440, 12.5]])]),
    "all meters by day": (
        115,
        [Shown("A", {}, [[0, 4.75], [1440, 4]]), Shown("B", {}, [[0, 3]])],
    ),
    "credited": (201, [Shown("A", {}, [[0, 4]])]),
    "exchanged": (202, [Shown("A", {}, [[0, 4]]), Shown("B", {}, [[0, 0]])]),
    "given back for good": (203, [Shown("A", {}, [[0, 2]])]),
    "held": (204, [Shown("A", {}, [[0, 8]]), Shown("B", {}, [[0, 2]])]),
    "credited by day": (211, [Shown("A", {}, [[0, 5], [1440, -1]])]),
    "exchanged by day": (212, [Shown("A", {}, [[0, 4]]), Shown("B", {}, [[0, 0]])]),
    "given back for good by day": (213, [Shown("A", {}, [[0, 3], [1440, -1]])]),
    "held by each": (
        214,
        [
            Shown("A", {"account": "a1", "asset": "ENERGY"}, [[0, 4]]),
            Shown("A", {"account": "a2", "asset": "ENERGY"}, [[0, 4]]),
            Shown("B", {"account": "a1", "asset": "HOURS"}, [[0, 2]]),
        ],
    ),
    "silent": (
        301,
        [
            Shown("A", {"account": "a1"}, [[2879, 18]]),
            Shown("A", {"account": "a2"}, [[2879, 1500]]),
        ],
    ),
    "counts refused": (
        302,
        [
            Shown("A", {"gateway": "home", "reason": "rating"}, [[0, 3]]),
            Shown("A", {"gateway": "mill", "reason": "lower"}, [[0, 1]]),
        ],
    ),
    "deposits refused": (303, [Shown("A", {"gateway": "point", "reason": "most"}, [[0, 4]])]),
    "not accepted": (304, [Shown("A", {"gateway": "point", "reason": "dirty"}, [[0, 5]])]),
    "waste by fraction": (
        401,
        [
            Shown("A", {"fraction": "glass"}, [[0, 7.5]]),
            Shown("A", {"fraction": "paper"}, [[0, 7.25]]),
        ],
    ),
    "waste by day": (
        402,
        [
            Shown("A", {"fraction": "glass"}, [[0, 3.5], [1440, 4]]),
            Shown("A", {"fraction": "paper"}, [[1440, 7.25]]),
        ],
    ),
    "waste by point": (
        403,
        [
            Shown("A", {"gateway": "barn"}, [[0, 1]]),
            Shown("A", {"gateway": "point"}, [[0, 13.75]]),
        ],
    ),
    "pieces": (404, [Shown("A", {"fraction": "lamps"}, [[0, 12]])]),
}


@pytest.mark.parametrize(("panel", "shown"), CASES.values(), ids=CASES)
def test_each_panel_shows_what_the_points_say(life, panel, shown):
    assert shown == without_gaps(answers(BOARD, panel, life, SPAN, CHOICE))


def test_every_panel_is_tried():
    ids = {part.id for part in BOARD.parts if isinstance(part, Panel)}
    assert ids == {panel for panel, _ in CASES.values()}


def test_a_quarter_hour_without_counts_is_a_gap(life):
    taken, _ = answers(BOARD, 111, life, SPAN, CHOICE)
    assert [[585, None], [600, 1.5], [615, 1], [630, None]] == taken.rows[39:43]


def test_a_day_of_25_hours_is_one_day(influx):
    # 25 October 2026 in Amsterdam, and the last quarter-hour before and the first after it.
    begin_ms = 1_792_879_200_000
    influx.write(
        *(
            line(STREET.key("zonstraat", "shared"), A_KWH, begin_ms + minute * 60_000)
            for minute in (-15, 0, 25 * 60 - 15, 25 * 60)
        )
    )
    span = Span(begin_ms - DAY_MIN * 60_000, begin_ms + (25 + 24) * 3_600_000)
    taken, _ = answers(BOARD, 113, influx, span, CHOICE)
    assert [[0, 1], [1440, 2], [2940, 1]] == [row for row in taken.rows if row[1]]
