"""Days of 23, 24 and 25 hours and the turn of a year, from signed counts to a closed month.

In every quarter-hour noor gives back 0.6 kWh, of which bram uses 0.3, and each brings 1 kg of glass
in the first and in the last millisecond of the day. Amsterdam sets its clocks back on 25 October
2026 and forward on 28 March 2027; from 1 January on other rates hold. By hand:

| day        | quarters | given kWh | sun                      | bram's share       | glass, each |
|------------|----------|-----------|--------------------------|--------------------|-------------|
| 2026-10-25 | 100      | 60.0      | / 3 = 20.0, at most 19   | 30.0 at 1 = 30.0   | 2 * 0.05    |
| 2026-12-31 | 96       | 57.6      | / 3 = 19.2, at most 19   | 28.8 at 1 = 28.8   | 2 * 0.05    |
| 2027-01-01 | 96       | 57.6      | / 4 = 14.4               | 28.8 at 2 = 57.6   | 2 * 0.07    |
| 2027-03-28 | 92       | 55.2      | / 4 = 13.8               | 27.6 at 2 = 55.2   | 2 * 0.07    |
"""

from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.telling.statement import statement
from tests.homes import RULE, Home, Homes
from tests.street import ID, POLICY, QUARTER_MS, Chain

# 2026-10-24T22:00Z, 2026-12-30T23:00Z and 2027-03-27T23:00Z: where those days begin.
DAYS = ((1_792_879_200_000, 100), (1_798_671_600_000, 96), (1_798_758_000_000, 96),
        (1_806_188_400_000, 92))  # fmt: skip
APRIL_MS = 1_806_703_200_000
RULES = POLICY.replace("20 per day", "19 per day") + RULE + 'key = "pro-rata"\n'
RULES_2027 = (
    RULES.replace("2026-06-21", "2027-01-01")
    .replace('"1/3"', '"1/4"')
    .replace('credit = "1"', 'credit = "2"')
    .replace('"0.05"', '"0.07"')
)
# In millionths.
SUN = {
    "2026-10-25": 19_000_000,
    "2026-12-31": 19_000_000,
    "2027-01-01": 14_400_000,
    "2027-03-28": 13_800_000,
}
SHARED = {
    "2026-10-25": 30_000_000,
    "2026-12-31": 28_800_000,
    "2027-01-01": 57_600_000,
    "2027-03-28": 55_200_000,
}
GLASS = {"2026-10-25": 100_000, "2026-12-31": 100_000, "2027-01-01": 140_000, "2027-03-28": 140_000}


def counted() -> list[tuple[str, bytes]]:
    """What the two homes count on those days, and what is brought."""
    found = []
    begin_ms = DAYS[0][0]
    homes = {"home": Home("home", begin_ms=begin_ms), "barn": Home("barn", begin_ms=begin_ms)}
    point = Chain("point")
    for day_ms, quarters in DAYS:
        first = (day_ms - begin_ms) // QUARTER_MS
        for gateway, home in homes.items():
            if day_ms != DAYS[2][0]:  # it begins with the last count of the day before
                found.append((gateway, home.count(first)))
            gave, used = (600_000, 0) if gateway == "home" else (0, 300_000)
            found += [
                (gateway, home.count(n, gave, used)) for n in range(first + 1, first + quarters + 1)
            ]
        found += [
            ("point", point.deposit(at_ms, grams=1_000, card=card))
            for at_ms in (day_ms, day_ms + quarters * QUARTER_MS - 1)
            for card in "AB"
        ]
    return found


def dues(homes: Homes, rule: str, member: str) -> dict[str, int]:
    rows = homes.community.db.execute(
        "SELECT period, due FROM claim WHERE rule = ? AND member = ? AND due != 0", (rule, member)
    )
    return dict(rows.fetchall())


def test_local_days_through_the_whole_books(tmp_path):
    """Invariants 19 and 21 (ledger)."""
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.rule_by(RULES.replace("2026-06-21", "2026-06-22"))
    homes.rule_by(RULES_2027)
    some = counted()
    for n in range(0, len(some), 97):
        homes.inbox.take(some[n : n + 97], now_ms=APRIL_MS)
        homes.community.settle(APRIL_MS)
    assert SUN == dues(homes, "sun", "noor")
    assert {} == dues(homes, "sun", "bram")
    assert SHARED == dues(homes, "shared", "bram")
    assert GLASS == dues(homes, "waste", "noor") == dues(homes, "waste", "bram")
    for month in ("2026-10", "2026-12", "2027-01", "2027-03"):
        homes.act(Close(month), month, now_ms=APRIL_MS)
    homes.check()
    asked = {"registry": homes.community.registry, "policies": homes.community.policies}
    told = statement(homes.community.db, ID, "bram", "2027-03", **asked)
    assert {"ENERGY": "55.200000", "WASTE": "0.140000"} == told["sums"]
