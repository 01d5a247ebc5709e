"""Rules that ask something of a count: the time of day, how far it is vouched for, its quality."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import policy as papers
from gateway.contract.errors import ConfigError
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.policy.exclusive import conflicts
from ledger_bridge.books.settle.quantities import Counted, Tally
from ledger_bridge.books.telling.why import why
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, Street, key

# Whole Wh earn whole units of ENERGY, so that figures are easy to follow.
SUN = POLICY.replace('credit = "1/3"', 'credit = "1"').replace('cap = "20 per day"\n', "")


def asking(*conditions: str) -> str:
    """The policy whose rule "sun" asks this."""
    return SUN.replace('id = "sun"', "\n".join(('id = "sun"', *conditions)))


def rules_of(*tables: str) -> tuple[policies.Rule, ...]:
    """Rules like "sun" that say this as well, each under a name of its own."""
    begin = SUN.index("[[rules]]")
    sun = SUN[begin : SUN.index("[[rules]]", begin + 1)]
    rules = [
        policies.parse(
            SUN[:begin] + sun.replace('id = "sun"', f'id = "r{n}"\n{table}'), name="policy"
        ).rules[0]
        for n, table in enumerate(tables)
    ]
    return tuple(rules)


def dues(street: Street) -> list[tuple[str, int]]:
    rows = street.community.db.execute("SELECT period, due FROM claim ORDER BY period")
    return rows.fetchall()


def take(street: Street, start_ms: int, counts_wh: list[int]) -> None:
    """Counts at quarter-hour boundaries from a moment on, and a clean verify after them."""
    home = Chain("home")
    data = [home.quarter(start_ms + n * QUARTER_MS, export_wh=wh) for n, wh in enumerate(counts_wh)]
    now_ms = start_ms + len(data) * QUARTER_MS
    street.inbox.take([("home", one) for one in data], now_ms=now_ms)
    street.community.settle(now_ms)
    verify(street.community.db, ID, log_key=key("log").public, progress=lambda _: None)


def test_only_the_quarter_hours_of_the_day_count(tmp_path):
    """From 12:00 to 12:30: of 1, 2, 4, 8 and 16 Wh the third and the fourth, 12 Wh.

    The counts are those of 11:30, 11:45, 12:00, 12:15, 12:30 and 12:45.
    """
    street = Street(tmp_path, policy=asking('hours = "12:00-12:30"'))
    take(street, NOON_MS - 2 * QUARTER_MS, [0, 1, 3, 7, 15, 31])
    assert [("2026-06-21", 12_000)] == dues(street)


def test_what_was_measured_over_several_quarter_hours_counts_for_no_time_of_day(tmp_path):
    street, home = Street(tmp_path, policy=asking('hours = "12:00-13:00"')), Chain("home")
    street.take("home", home.quarter(NOON_MS, export_wh=0))
    street.take("home", home.quarter(NOON_MS + 2 * QUARTER_MS, export_wh=50))
    street.take("home", home.quarter(NOON_MS + 3 * QUARTER_MS, export_wh=57))
    assert [("2026-06-21", 7_000)] == dues(street)


def test_a_reason_says_of_each_count_why_it_does_not_count(tmp_path):
    """The counts of 12:15 and 13:15 are of a quarter-hour, the one of 13:00 of three."""
    street, home = Street(tmp_path, policy=asking('hours = "12:00-13:00"')), Chain("home")
    for n, wh in ((0, 0), (1, 3), (4, 10), (5, 15)):
        street.take("home", home.quarter(NOON_MS + n * QUARTER_MS, export_wh=wh))
    community = street.community
    found = why(community.db, ID, 1, registry=community.registry, policies=community.policies)
    assert [
        (0, "The first count of this meter: from here on it is measured."),
        (3_000, ""),
        (0, "Measured over several quarter-hours: nobody knows when within the hours of the rule."),
        (0, "Outside the hours that the rule counts."),
    ] == [(one["counts"], one["sentence"]) for one in found["evidence"]]


def test_hours_over_midnight_are_two_ends_of_each_day(tmp_path):
    """One Wh in every quarter-hour of the day: 96 counts after the one of midnight.

    From 22:00 to 06:00 are the 24 quarters before 06:00 and the 8 from 22:00 on.
    """
    street = Street(tmp_path, policy=asking('hours = "22:00-06:00"'))
    take(street, MIDNIGHT_MS, list(range(97)))
    assert [("2026-06-21", 32_000)] == dues(street)


@pytest.mark.parametrize(
    ("day_before_ms", "day", "hours", "expected"),
    [
        # 2026-10-25 begins at 2026-10-24T22:00Z and has 100 quarters: 02:00 to 03:00 comes twice.
        (1_792_879_200_000, "2026-10-25", "02:00-03:00", 8_000),
        (1_792_879_200_000, "2026-10-25", "00:00-24:00", 100_000),
        (1_792_879_200_000, "2026-10-25", "03:00-24:00", 84_000),
        # 2027-03-28 begins at 2027-03-27T23:00Z and has 92: there is no 02:00 to 03:00.
        (1_806_188_400_000, "2027-03-28", "02:00-03:00", 0),
        (1_806_188_400_000, "2027-03-28", "01:00-04:00", 8_000),
        (1_806_188_400_000, "2027-03-28", "00:00-24:00", 92_000),
    ],
)
def test_on_the_days_when_the_clock_is_changed_the_clock_on_the_wall_counts(
    tmp_path, day_before_ms, day, hours, expected
):
    """One Wh in each quarter-hour of the day; one Wh earns 1,000 units."""
    street = Street(tmp_path, policy=asking(f'hours = "{hours}"'))
    take(street, day_before_ms, list(range(101)))
    assert expected == dict(dues(street)).get(day, 0)


def test_the_cap_of_the_day_of_25_hours_is_the_cap_of_a_day(tmp_path):
    """Invariant 21 (ledger). 100 quarters of 30 Wh are 3 credits, the cap is 2.5; the 101st quarter
    is of the next day.
    """
    street = Street(tmp_path, policy=asking('cap = "2.5 per day"'))
    take(street, 1_792_879_200_000, [30 * n for n in range(102)])
    assert [("2026-10-25", 2_500_000), ("2026-10-26", 30_000)] == dues(street)


def test_a_rule_may_ask_in_one_policy_what_it_does_not_ask_in_the_next(tmp_path):
    """Until midnight only 23:30 to 24:00 counts, from then on all: one Wh a quarter-hour.

    From 23:00 to 01:00 are 8 quarters, of which 2 count before midnight and 4 after it.
    """
    street = Street(tmp_path, policy=asking('hours = "23:30-24:00"'))
    later = SUN.replace("2026-06-21", "2026-06-22")
    data = papers.make(later, community=ID, key=key("steward"))
    street.community.hand_in_policy(data, now_ms=NOON_MS)
    take(street, MIDNIGHT_MS + 92 * QUARTER_MS, list(range(9)))
    assert [("2026-06-21", 2_000), ("2026-06-22", 4_000)] == dues(street)


def test_a_rule_may_ask_of_one_register_in_one_policy_and_count_another_in_the_next(tmp_path):
    asks = asking('hours = "23:30-24:00"').replace('["1-0:2.8.1", "1-0:2.8.2"]', '["1-0:2.8.2"]')
    street = Street(tmp_path, policy=asks)
    data = papers.make(SUN.replace("2026-06-21", "2026-06-22"), community=ID, key=key("steward"))
    street.community.hand_in_policy(data, now_ms=NOON_MS)
    take(street, MIDNIGHT_MS + 92 * QUARTER_MS, list(range(9)))
    assert [("2026-06-22", 4_000)] == dues(street)


def rows(*given: tuple[int | None, str, int, int]) -> list[Counted]:
    return [
        Counted("1-0:2.8.1", amount, quarter, grade, substitute)
        for quarter, grade, substitute, amount in given
    ]


# 2026-06-21T10:00Z, noon in Amsterdam.
NOON = NOON_MS // QUARTER_MS

COUNTS = rows(
    (NOON, "self-reported", 0, 1),
    (NOON, "checked", 0, 10),
    (NOON, "official", 0, 100),
    (NOON, "official", 1, 1_000),
    (None, "official", 0, 10_000),
    (NOON - 1, "checked", 0, 100_000),
)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("", 111_111),
        ('grade = "checked"', 111_110),
        ('grade = "official"', 11_100),
        ('quality = "measured"', 110_111),
        ('hours = "12:00-12:15"', 1_111),
        ('hours = "11:45-12:15"', 101_111),
        ('hours = "12:00-12:15"\ngrade = "official"\nquality = "measured"', 100),
    ],
)
def test_a_count_must_be_all_that_the_rule_asks(conditions, expected):
    policy = policies.parse(asking(conditions), name="policy")
    tally = Tally(policy, policy.rules[0])
    for fact in COUNTS:
        tally.add(fact)
    assert {"1-0:2.8.1": expected} == tally.quantities()


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ("10-16", "'10-16' is no time of day in quarter-hours such as \"10:00-16:00\""),
        ("10:05-16:00", "'10:05-16:00' is no time of day in quarter-hours"),
        ("24:00-06:00", "a day goes from 00:00 to 24:00"),
        ("10:00-25:00", "a day goes from 00:00 to 24:00"),
        ("10:00-10:00", "begins where it ends"),
    ],
)
def test_hours_that_are_none_are_named(hours, expected):
    with pytest.raises(ConfigError) as error:
        policies.parse(asking(f'hours = "{hours}"'), name="policy")
    assert expected in error.value.problems[0].what


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", 1),
        ('hours = "10:00-16:00"', 'hours = "16:00-10:00"', 0),
        ('hours = "10:00-16:00"', 'hours = "15:45-17:00"', 1),
        ('hours = "22:00-06:00"', 'hours = "05:45-07:00"', 1),
        ('hours = "22:00-06:00"', 'hours = "06:00-22:00"', 0),
        ('hours = "10:00-16:00"', "", 1),
        ('grade = "checked"', 'grade = "official"', 1),
        ('exclusive = "trial"', "", 0),
        ('exclusive = "trial"', 'exclusive = "trial"', 1),
    ],
)
def test_rules_of_one_set_that_could_reward_the_same_count_are_named(one, other, expected):
    """Invariant 3 (DESIGN): rules of one exclusive set share a quantity once."""
    assert expected == len(list(conflicts(rules_of(one, other))))


def test_a_tariff_beside_a_rule_that_counts_the_total_is_named():
    total, tariff = rules_of('exclusive = "other"', "")
    total = total.model_copy(update={"registers": ("1-0:2.8.0",)})
    (found,) = conflicts([total, tariff])
    assert (1, "name '1-0:2.8.0' in it too: it goes before its tariffs") == (found[0], found.try_)


def test_a_policy_in_which_two_rules_reward_one_register_is_refused_with_the_line():
    again = SUN[SUN.index("[[rules]]") : SUN.rindex("[[rules]]")].replace('"sun"', '"again"')
    with pytest.raises(ConfigError) as error:
        policies.parse(SUN + again, name="policy.toml")
    (problem,) = error.value.problems
    assert "rule 'again': '1-0:2.8.1' is rewarded by rule 'sun' already" == problem.what
    assert problem.where.startswith("policy.toml line ")


HOURS = st.tuples(st.integers(0, 95), st.integers(1, 95)).map(
    lambda n: "{:02}:{:02}-{:02}:{:02}".format(
        *divmod(15 * n[0], 60), *divmod(15 * ((n[0] + n[1]) % 96), 60)
    )
)


@given(
    hours=st.lists(HOURS, min_size=2, max_size=4),
    counts=st.lists(st.tuples(st.integers(NOON, NOON + 200), st.integers(0, 9)), max_size=30),
)
def test_rules_that_may_stand_in_one_set_never_count_the_same_twice(hours, counts):
    """Invariant 3 (DESIGN): rules of one exclusive set share a quantity once."""
    rules = rules_of(*(f'hours = "{one}"' for one in hours))
    policy = policies.parse(SUN, name="policy")
    counted = 0
    for rule in rules:
        tally = Tally(policy, rule)
        for quarter, amount in counts:
            tally.add(Counted("1-0:2.8.1", amount, quarter, "self-reported"))
        counted += sum(tally.quantities().values())
    there_was = sum(amount for _, amount in counts)
    assert counted <= there_was or list(conflicts(rules))


@given(
    parts=st.lists(
        st.tuples(st.integers(NOON - 20, NOON + 20), st.integers(1, 999)), min_size=1, max_size=20
    ),
    conditions=st.sampled_from(['hours = "11:00-13:00"', 'grade = "checked"', ""]),
)
def test_splitting_an_increase_inside_its_quarter_hour_changes_nothing(parts, conditions):
    """Invariant 20 (ledger): splitting or merging inside one period does not change due."""
    policy = policies.parse(asking(conditions), name="policy")
    whole, split = (Tally(policy, policy.rules[0]) for _ in range(2))
    for quarter, amount in parts:
        whole.add(Counted("1-0:2.8.1", amount, quarter, "checked"))
        split.add(Counted("1-0:2.8.1", amount - 1, quarter, "checked"))
        split.add(Counted("1-0:2.8.1", 1, quarter, "checked"))
    assert whole.quantities() == split.quantities()
    assert whole.due() == split.due()
