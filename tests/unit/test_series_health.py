"""How gateways, lines, meters and the bridge fare becomes points; whatever a gateway may say."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.contract.record import SAMPLES
from ledger_bridge import verified
from ledger_bridge.books.registry.edits import GatewayRevoked, MemberAdded, MeterFitted
from ledger_bridge.heard import Heard
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.health import KINDS_MAX, Figures, minute
from ledger_bridge.timeseries.schema import Written
from ledger_bridge.verified import Outcome
from tests.point import MINUTE_MS, Point
from tests.series import Series, point
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street
from tests.unit.test_series_gone import JULY_MS, erase, homes

__all__ = ["homes"]  # the fixture

FIGURES = Figures(stored=7, repeated=2, refused=1, receipts=5, behind=3, quarantined=0, linked=True)
EVENING_MS = NOON_MS + 8 * 60 * MINUTE_MS

LINE = {
    "bytes": 80_000,
    "telegrams": 90,
    "faults": {"checksum": 2, "noise": 1},
    "damaged": 0.0217,
    "opened": 4,
    "silent_s_max": 12.3,
}
# As a gateway says it.
SAID = {
    "alarms": [{"code": "clock-held", "about": "", "facts": ""}],
    "clock": "held",
    "clock_bound_ms": None,
    "journal": {"accepted": 9, "delivered": 5, "pending": 4, "expired": 0, "chains": {}},
    "devices": {
        "hall": {"driver": "p1", "state": "ok", "messages": 90, "faults": 3, "line": LINE},
        "attic": {"driver": "sdm120", "state": "lost", "messages": 0, "faults": 0, "line": {}},
    },
    "disk_free_bytes": 9_000_000_000,
    "written_today_bytes": 1_000,
    "written_bytes_per_day": 30_000_000,
    "temperature_mc": 48_312,
    "under_voltage": False,
    "link": {"receipts_forged": 0, "overdue_s": 2.3, "in_flight": 3, "held": {}},
}


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path)
    street.heard = Heard(street.community)
    street.reader = Reader(street.path, ID)
    yield street
    street.reader.db.close()


def say(street, gateway="home", **said):
    """What a gateway said last, by leaf."""
    for leaf, word in said.items():
        data = word if isinstance(word, bytes) else json.dumps(word).encode()
        street.heard.note(gateway, leaf, data, now_ms=NOON_MS)
    street.heard.write()


def told(street, now_ms=NOON_MS, figures=FIGURES):
    series = Series()
    series.write([Written(months=tuple(minute(street.reader, figures, now_ms=now_ms)))])
    return series


def test_a_gateway_that_is_there_is_told_as_it_says_and_as_the_hub_sees_it(street):
    home = Chain("home")
    street.take("home", home.quarter(NOON_MS - 1_500, export_wh=0))  # stored at noon
    say(street, state=b"online", health=SAID)
    now_ms = NOON_MS + 3 * MINUTE_MS
    fields = {
        "online": 1,
        "silent": 3,
        "lag": 1_500,
        "pending": 4,
        "flying": 3,
        "overdue": 2_300,
        "clock_rank": 1,
        "disk_free": 9_000_000_000,
        "written_day": 30_000_000,
        "temperature": 48_312,
        "low_voltage": 0,
        "alarms": 1,
    }
    assert {now_ms: fields} == told(street, now_ms).of("gateway", gateway="home")


def test_a_line_is_told_with_its_faults_by_kind(street):
    say(street, state=b"online", health=SAID)
    series = told(street)
    hall = {
        "up": 1,
        "heard": 80_000,
        "telegrams": 90,
        "faults": 3,
        "damaged": 21_700,
        "opened": 4,
    }
    assert {NOON_MS: hall} == series.of("line", device="hall", driver="p1")
    assert {NOON_MS: {"up": 0, "faults": 0}} == series.of("line", device="attic", driver="sdm120")
    assert {NOON_MS: {"so_far": 2}} == series.of("fault", device="hall", fault_kind="checksum")
    assert {NOON_MS: {"so_far": 1}} == series.of("fault", device="hall", fault_kind="noise")


@pytest.mark.parametrize("clock", ["unset", "held", "meter", "synced"])
def test_clocks_are_ranked_by_how_far_they_are_to_be_believed(street, clock):
    rank = {"unset": 0, "held": 1, "meter": 2, "synced": 3}[clock]
    say(street, state=b"online", health={"clock": clock})
    assert {NOON_MS: {"online": 1, "clock_rank": rank}} == told(street).of("gateway")


def test_of_a_gateway_that_is_not_there_nothing_is_told_that_it_said_before(street):
    street.take("home", Chain("home").quarter(NOON_MS, export_wh=0))
    say(street, state=b"offline", health=SAID)
    series = told(street)
    assert {NOON_MS: {"online": 0, "silent": 0, "lag": 0}} == series.of("gateway")
    assert {} == series.of("line") == series.of("fault")


def test_while_the_bridge_hears_nobody_it_does_not_say_who_is_there(street):
    street.take("home", Chain("home").quarter(NOON_MS, export_wh=0))
    say(street, state=b"online", health=SAID)
    series = told(street, EVENING_MS, FIGURES._replace(linked=False))
    assert {EVENING_MS: {"silent": 480, "lag": 0}} == series.of("gateway")
    assert {} == series.of("line") == series.of("fault")
    assert 0 == series.of("bridge")[EVENING_MS]["linked"]


def test_a_recycling_point_that_is_there_need_not_say_anything(street):
    street.take("point", Point().turn_away(NOON_MS, "full"))
    say(street, "point", state=b"online", birth={"kiosk": {"scale": "scale"}})
    assert 0 == told(street, EVENING_MS).of("gateway", gateway="point")[EVENING_MS]["silent"]
    say(street, "point", state=b"offline")
    assert 480 == told(street, EVENING_MS).of("gateway", gateway="point")[EVENING_MS]["silent"]


def test_a_gateway_that_is_revoked_is_silent_no_longer(street):
    street.take("home", Chain("home").quarter(NOON_MS, export_wh=0))
    assert 480 == told(street, EVENING_MS).of("gateway")[EVENING_MS]["silent"]
    street.edit(GatewayRevoked("home", (), "stolen"))
    assert 0 == told(street, EVENING_MS).of("gateway")[EVENING_MS]["silent"]


def test_of_the_gateway_of_somebody_erased_nothing_is_told_until_it_serves_another(homes):
    erase(homes)
    homes.heard = Heard(homes.community)
    for gateway in ("home", "barn"):  # the broker has kept what they said
        say(homes, gateway, state=b"offline", health=SAID)
    homes.reader = Reader(homes.path, ID)
    told_of = [dict(one.tags).get("gateway") for one in told(homes, JULY_MS)]
    assert ("barn" in told_of, "home" in told_of) == (True, False)
    homes.edit(MemberAdded("kees", "acc-kees"), MeterFitted("home", "hall", "", "kees", JULY_MS))
    assert 0 == told(homes, JULY_MS).of("gateway", gateway="home")[JULY_MS]["online"]
    homes.reader.db.close()


def test_the_lag_is_of_the_newest_record_and_none_where_that_has_no_clock(street):
    home, samples = Chain("home"), Chain("home", "samples-000000000001")
    street.take("home", samples.record([], made_ms=NOON_MS - 9_000, typ=SAMPLES))
    street.take("home", home.quarter(NOON_MS - 1_000, export_wh=0))
    assert {NOON_MS: {"silent": 0, "lag": 1_000}} == told(street).of("gateway")
    street.take("home", home.record([], made_ms=None, clock="unset"))
    assert {NOON_MS: {"silent": 0}} == told(street).of("gateway")


def test_whoever_has_a_meter_is_silent_since_its_newest_count(street):
    home = Chain("home")
    street.edit(
        MeterFitted("home", "attic", "", "bram", MIDNIGHT_MS),
        MeterFitted("home", "cellar", "", "bram", EVENING_MS + 1),
    )
    for quarter, device in ((40, "hall"), (44, "hall"), (42, "hall")):
        street.take(
            "home", home.quarter(MIDNIGHT_MS + quarter * QUARTER_MS, export_wh=0, device=device)
        )
    # A count of the future does not hide that there is none of now.
    street.take("home", home.quarter(EVENING_MS + QUARTER_MS, export_wh=0))
    series = told(street, EVENING_MS)
    eleven_to_eight = {EVENING_MS: {"minutes": 540}}
    assert eleven_to_eight == series.of("silence", account="acc-noor")
    since_it_was_fitted = {EVENING_MS: {"minutes": 1_200}}
    assert since_it_was_fitted == series.of("silence", account="acc-bram")


def test_a_meter_that_is_fitted_since_ever_and_never_counted_is_silent_since_nobody_knows(street):
    assert {} == told(street).of("silence")


def test_the_bridge_tells_what_is_dirty_and_how_long_ago_the_books_were_verified(street):
    fields = {**FIGURES._asdict(), "linked": 1, "dirty": 0, "held": 0}
    assert {NOON_MS: fields} == told(street).of("bridge")
    street.community.db.execute(f"INSERT INTO dirty VALUES ('{ID}', 'sun', 'noor', '2026-06-21')")
    verified.note(street.path, Outcome(NOON_MS - 90_500))
    fields |= {"dirty": 1, "verified": 1, "verify_age": 90}
    assert {NOON_MS: fields} == told(street).of("bridge")
    verified.note(street.path, Outcome(NOON_MS, "a balance", "acc-noor"))
    fields |= {"verified": 0, "verify_age": 0}
    assert {NOON_MS: fields} == told(street).of("bridge")


def test_held_is_what_waits_for_a_member_or_a_steward(street):
    """A deposit of nobody's, a meter of nobody's, and a chain that was forked."""
    street.take("point", Point().bring("d1", NOON_MS, grams=1_000, card="nobody's"))
    home = Chain("home")
    street.take("home", home.quarter(NOON_MS, export_wh=0, device="attic"))
    street.take("home", home.record([], made_ms=NOON_MS, seq=1, prev="f" * 64))
    assert 3 == told(street).of("bridge")[NOON_MS]["held"]


def test_verified_lies_beside_the_books_for_those_who_may_read_them(street):
    street.path.chmod(0o640)
    verified.note(street.path, Outcome(NOON_MS, "a balance", "acc-noor"))
    path = street.path.with_name("verified.json")
    assert 0o640 == path.stat().st_mode & 0o777
    assert Outcome(NOON_MS, "a balance", "acc-noor") == verified.last(street.path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"at_ms": "noon"}', "\xff"])
def test_what_is_no_outcome_is_none(street, text):
    verified.file_of(street.path).write_text(text, "latin-1")
    assert verified.last(street.path) is None


def test_so_many_devices_of_a_gateway_and_kinds_of_faults_are_told_and_no_more(street):
    faults = {f"kind-{n}": 1 for n in range(KINDS_MAX + 1)}
    device = {"driver": "p1", "state": "ok", "line": {"faults": faults}}
    say(street, state=b"online", health={"devices": {f"d{n}": device for n in range(80)}})
    names = [one.measurement for one in told(street)]
    assert (64, 1_024) == (names.count("line"), names.count("fault"))


def test_numbers_that_are_none_and_names_that_are_no_ids_are_left_out(street):
    odd = {
        **SAID,
        "clock": ["synced"],
        "clock_bound_ms": True,
        "journal": [4],
        "disk_free_bytes": -1,
        "written_bytes_per_day": 1e7,
        "temperature_mc": 2**53,
        "under_voltage": 1,
        "link": {"overdue_s": 1e308, "in_flight": "3"},
        "devices": {"a,b=1 c": {"state": "ok"}, "ok": {"driver": "P 1", "state": "ok"}},
    }
    say(street, state=b"online", health=odd)
    series = told(street)
    assert {NOON_MS: {"online": 1, "alarms": 1}} == series.of("gateway")
    assert {NOON_MS: {"up": 1}} == series.of("line")
    assert [("community", ID), ("gateway", "home"), ("device", "ok"), ("driver", "-")] == [
        tag for one in series if one.measurement == "line" for tag in one.tags
    ]


KEYS = st.sampled_from(sorted({*SAID, *SAID["devices"]["hall"], *LINE, *SAID["link"], "pending"}))
NUMBERS = st.integers() | st.sampled_from([2**53, -(2**63), 10**400, 1e308, -0.0, 5e-324])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.floats()
    | st.text()
    | st.sampled_from(["ok", "unset"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(), inner, max_size=6)
    ),
    max_leaves=40,
)
# What gateways say, with anything in the place of something.
ODD = st.builds(lambda *some: {**SAID, **dict(some)}, *[st.tuples(KEYS, JSON)] * 3)
LINES = st.builds(lambda line: {"devices": {"hall": {"state": "ok", "line": line}}}, JSON)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=(JSON | ODD | LINES).map(lambda said: json.dumps(said).encode()) | st.binary())
def test_whatever_a_gateway_says_every_line_can_be_read(street, said):
    say(street, state=b"online", health=said, birth=said)
    for line in minute(street.reader, FIGURES, now_ms=NOON_MS):
        one, fields = point(line)
        assert fields
        assert all(-(2**63) <= value < 2**63 for value in fields.values())
        assert {one.at_ms} == {NOON_MS}
