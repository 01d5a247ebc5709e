"""Hours that members give, and that they take part, as somebody attests it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import policy as policy_papers
from gateway.contract import signed
from gateway.contract.errors import PeopleError
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts import attested
from ledger_bridge.books.facts.attested import Attestation, Given, TakenBack, judge
from ledger_bridge.books.facts.papers import EVIDENCE
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.registry.edits import MemberAdded, MemberLeft
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.attested import attestations, held_attestations
from ledger_bridge.books.verify.look import Differs
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, Street, key

TIME_BANK = """
community = "straat"
valid_from = 2026-06-15
time_zone = "Europe/Amsterdam"

[assets]
HOURS = { unit = "hour", scale = 2, kind = "credit" }
TIMES = { unit = "time", kind = "counter" }

[[rules]]
id = "time"
rule = "time_given"
version = 1
asset = "HOURS"
cap = "8 per week"
rates.care = { credit = "1", per = "1 h" }
rates.garden = { credit = "1/2", per = "1 h" }

[[rules]]
id = "there"
rule = "participation"
version = 1
asset = "TIMES"
activities = ["care", "assembly"]
"""
DAY = "2026-06-21"
DAY_MS = 86_400_000


def care(minutes: int, *, member: str = "noor", day: str = DAY) -> Attestation:
    return Attestation(member, day, "care", minutes, "Mirjam, who keeps the list")


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path, policy=TIME_BANK)


def held(street: Street) -> int:
    """How many wait, as verify finds it after it recomputed everything."""
    log_key = key("log").public
    return verify(street.community.db, ID, log_key=log_key, progress=lambda _: None).held


def told(street: Street, member: str = "noor") -> list[tuple[str, str, str]]:
    """Number, state and sentence of what was attested of a member."""
    found = attestations(street.community.db, ID, member, ("2026-01-01", "2028-01-01"))
    return [(one["attestation"], one["state"], one["sentence"]) for one in found]


def test_hours_earn_by_activity_and_each_time_is_counted(street):
    """2:30 of care and 0:20 of garden are 2.5 + 1/6 hours: 2.66 and not 2.5 + 0.16."""
    street.say("list 1", care(150), Attestation("noor", DAY, "garden", 20, "Mirjam"))
    street.say("list 2", Attestation("noor", DAY, "assembly", 0, "the chair"))
    assert 266 == street.balance("acc-noor", "HOURS")
    assert 2 == street.balance("acc-noor", "TIMES")
    assert 0 == held(street)


def test_a_week_of_work_is_capped_as_a_whole(street):
    """Invariant 21 (ledger). Monday 15 June to Sunday 21 June: 6 and 5 hours, the cap is 8."""
    street.say("monday", care(360, day="2026-06-15"))
    street.say("sunday", care(300))
    street.say("monday after", care(60, day="2026-06-22"), now_ms=NOON_MS + DAY_MS)
    assert 900 == street.balance("acc-noor", "HOURS")


def test_what_is_attested_of_nobody_waits_until_they_are_a_member(street):
    street.say("list", care(60, member="saar"))
    assert 1 == held(street)
    assert ["meterkast member add saar"] == [
        one["try"] for one in held_attestations(street.community.db, ID)
    ]
    street.edit(MemberAdded("saar", "acc-saar"))
    street.community.settle(NOON_MS)
    assert (100, 0) == (street.balance("acc-saar", "HOURS"), held(street))


def test_what_a_member_gave_after_leaving_waits(street):
    """Bram leaves at the local midnight that begins 21 June; what he gave on the 20th counts."""
    street.edit(MemberLeft("bram", MIDNIGHT_MS))
    street.say("list", care(60, member="bram"), care(60, member="bram", day="2026-06-20"))
    assert ["counted", "held"] == [state for _, state, _ in told(street, "bram")]
    assert (100, 1) == (street.balance("acc-bram", "HOURS"), held(street))


def test_the_rules_of_the_day_say_what_an_activity_earns(street):
    """From Monday 29 June on care earns two hours for one."""
    later = TIME_BANK.replace("2026-06-15", "2026-06-29").replace('credit = "1",', 'credit = "2",')
    data = signed_policy(later)
    street.community.hand_in_policy(data, now_ms=NOON_MS)
    after_ms = NOON_MS + 9 * DAY_MS
    street.say("list", care(60, day="2026-06-28"), care(60, day="2026-06-29"), now_ms=after_ms)
    assert (300, 0) == (street.balance("acc-noor", "HOURS"), held(street))


def test_what_no_rule_names_is_kept_and_waits(street):
    street.say("list", Attestation("noor", DAY, "juggling", 60, "Bram"))
    (number, state, sentence) = told(street)[0]
    assert ("1/1", "held") == (number, state)
    assert sentence.startswith("No rule of that day names this activity")
    assert (0, 1) == (street.balance("acc-noor", "HOURS"), held(street))


def test_a_day_before_the_first_rules_has_none(street):
    street.say("list", care(60, day="2026-06-14"))
    assert [("1/1", "held")] == [one[:2] for one in told(street)]


def test_nobody_gives_more_than_a_day_is_long(street):
    """23 hours stand; with 61 minutes more it would be a day and a minute, with 60 it is a day."""
    street.say("a", care(23 * 60))
    street.say("b", care(61))
    street.say("c", care(60))
    assert ["counted", "held", "counted"] == [state for _, state, _ in told(street)]
    assert (
        'meterkast ledger attest --void 2/1 --reason "…"'
        == (held_attestations(street.community.db, ID)[0]["try"])
    )
    assert 1 == held(street)


@pytest.mark.parametrize(
    ("day", "minutes", "expected"),
    [
        ("2026-10-25", 25 * 60, "counted"),  # the clock is set back
        ("2026-10-24", 24 * 60 + 1, "held"),
        ("2027-03-28", 23 * 60, "counted"),  # the clock is set forward
        ("2027-03-28", 23 * 60 + 1, "held"),
    ],
)
def test_a_day_is_as_long_as_it_is(street, day, minutes, expected):
    street.say("a", care(minutes, day=day), now_ms=NOON_MS + 300 * DAY_MS)
    assert [expected] == [state for _, state, _ in told(street)]


def test_what_was_to_come_when_it_was_signed_does_not_count_afterwards(street):
    """At noon of 21 June tomorrow is to come; the last minute of today is today."""
    street.say("a", care(60, day="2026-06-22"))
    street.say("b", care(60), now_ms=MIDNIGHT_MS + DAY_MS - 1)
    street.edit(MemberAdded("saar", "acc-saar"))
    assert {("1/1", "refused"), ("2/1", "counted")} == {one[:2] for one in told(street)}
    assert 0 == held(street)


def test_what_is_taken_back_is_taken_off(street):
    street.say("a", care(60), care(30))
    street.say("b", TakenBack(1, 1, "it was Bram"), care(60, member="bram"))
    assert 50 == street.balance("acc-noor", "HOURS")
    assert 100 == street.balance("acc-bram", "HOURS")
    assert [("1/1", "refused"), ("1/2", "counted")] == [one[:2] for one in told(street)]
    assert 0 == held(street)


def test_what_is_taken_back_makes_room_for_what_was_too_much(street):
    street.say("a", care(24 * 60))
    street.say("b", care(60))
    assert 1 == held(street)
    street.say("c", TakenBack(1, 1, "not a whole day"))
    assert (100, 0) == (street.balance("acc-noor", "HOURS"), held(street))


def test_when_all_is_taken_back_nothing_is_left(street):
    street.say("a", care(60))
    street.say("b", TakenBack(1, 1, "it was Bram"))
    assert (0, 0) == (street.balance("acc-noor", "HOURS"), street.balance("acc-noor", "TIMES"))
    assert 0 == held(street)


@pytest.mark.parametrize(
    ("paper", "n"), [(1, 2), (2, 1), (9, 1)], ids=["its own", "the next", "one far off"]
)
def test_nothing_is_taken_back_before_it_is_said(street, paper, n):
    street.say("a", TakenBack(paper, n, "in advance"), care(60))
    street.say("b", care(30))
    assert 150 == street.balance("acc-noor", "HOURS")
    assert 0 == held(street)


def test_the_same_list_counts_once_and_another_under_its_name_is_refused(street):
    """Invariant 8 (ledger): same key and content, same answer; other content, no effect."""
    assert 1 == street.say("list", care(60))
    assert 1 == street.say("list", care(60))
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError, match="this name was used for other evidence"):
        street.say("list", care(90))
    assert before == list(street.community.db.iterdump())
    assert 100 == street.balance("acc-noor", "HOURS")


GOOD = {
    "kind": "attested",
    "member": "noor",
    "day": DAY,
    "activity": "care",
    "minutes": 60,
    "by": "Mirjam",
}


@pytest.mark.parametrize(
    "odd",
    [
        {**GOOD, "minutes": -1},
        {**GOOD, "minutes": 25 * 60 + 1},
        {**GOOD, "minutes": 2.5},
        {**GOOD, "day": "2026-06-31"},
        {**GOOD, "day": "20260621"},
        {**GOOD, "day": "yesterday"},
        {**GOOD, "day": "0001-01-01"},
        {"kind": "taken-back", "paper": 0, "n": 1, "reason": "there is none"},
        {"kind": "taken-back", "paper": 2**70, "n": 1, "reason": "there is none"},
    ],
    ids=[
        "less than nothing",
        "more than a day",
        "not whole",
        "no day",
        "form",
        "words",
        "before all",
        "no paper",
        "too far",
    ],
)
def test_what_cannot_be_is_no_evidence(street, odd):
    """Invariant 10 (DESIGN): bad input changes nothing."""
    before = list(street.community.db.iterdump())
    with pytest.raises(Malformed):
        street.community.hand_in_evidence(paper(said=[odd]), now_ms=NOON_MS)
    assert before == list(street.community.db.iterdump())


@pytest.mark.parametrize("time_ms", [-1, 2**62, 2**70])
def test_a_paper_of_no_time_is_no_evidence(street, time_ms):
    before = list(street.community.db.iterdump())
    with pytest.raises(Malformed):
        street.community.hand_in_evidence(paper(said=[GOOD], time_ms=time_ms), now_ms=NOON_MS)
    assert before == list(street.community.db.iterdump())


def signed_policy(toml: str) -> bytes:
    return policy_papers.make(toml, community=ID, key=key("steward"))


def paper(**words: object) -> bytes:
    """A paper with anything in it, signed by the steward."""
    payload = {"community": ID, "name": "odd", "time_ms": NOON_MS, "said": [], **words}
    return signed.sign(to_json(payload), typ=EVIDENCE, key=key("steward"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE attestation SET minutes = 600 WHERE n = 1",
        "UPDATE attestation SET verdict = 'most' WHERE n = 1",
        "DELETE FROM attestation WHERE n = 2",
        "DELETE FROM taken_back",
    ],
)
def test_a_change_behind_the_programs_back_is_named(street, change):
    street.say("a", care(60), care(30))
    street.say("b", TakenBack(1, 2, "twice"))
    street.community.db.execute(change)
    with pytest.raises(Differs, match=r"attestation|taken_back"):
        held(street)


BANK = Policies([InForce(policies.parse(TIME_BANK, name="policy"), "hash")])
REGISTRY = Registry(ID, accounts={"noor": "acc-noor", "bram": "acc-bram"})


@given(
    facts=st.lists(
        st.builds(
            Given,
            paper=st.integers(1, 9),
            n=st.integers(1, 3),
            signed_ms=st.just(NOON_MS),
            member=st.sampled_from(["noor", "bram", "nobody"]),
            day=st.sampled_from([DAY, "2026-06-20"]),
            activity=st.sampled_from(["care", "juggling"]),
            minutes=st.integers(0, attested.MINUTES_MAX),
            by=st.just("Mirjam"),
        ),
        max_size=20,
        unique_by=lambda fact: (fact.paper, fact.n),
    ),
    data=st.data(),
)
def test_whatever_is_attested_no_day_has_more_than_its_minutes(facts, data):
    """Invariant 2 (DESIGN): nothing depends on the order in which papers are looked at."""
    shuffled = data.draw(st.permutations(facts))
    rows = judge(facts, [], registry=REGISTRY, policies=BANK)
    assert rows == judge(shuffled, [], registry=REGISTRY, policies=BANK)
    sums: dict[tuple[str, str], int] = {}
    for row in rows:
        if not row.verdict:
            place = row.fact.member, row.fact.day
            sums[place] = sums.get(place, 0) + row.fact.minutes
    assert all(minutes <= 24 * 60 for minutes in sums.values())
    assert not {member for member, _ in sums} & {"nobody"}
