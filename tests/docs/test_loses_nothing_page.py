"""The page for people who trust nobody says what the tests do and the benches measure."""

import re
from collections import Counter

import pytest

from gateway.health.alarms import SENTENCES
from tests.bench import gateway, house, journal
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, ROOT, blocks
from tests.troubles import plan

PAGE = DOCS / "loses-nothing.md"
TEXT = PAGE.read_text("utf-8")


def test_the_commands_of_the_page_work(tmp_path):
    said = run_script("\n".join(blocks(PAGE, "bash")), folder=tmp_path)
    assert "verified: 0 records" in said


def test_every_alarm_and_every_test_that_the_page_names_is_there():
    alarms = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", TEXT))
    assert 8 == len(alarms)
    assert set() == alarms - set(SENTENCES)
    tests = set(re.findall(r"tests/\S+\.py", TEXT))
    assert 2 == len(tests)
    assert [] == [path for path in tests if not (ROOT / path).exists()]


def test_the_day_of_troubles_has_the_troubles_that_the_page_tells_of():
    assert {
        "broker_dies": 3,
        "broker_hangs": 1,
        "broker_returns_empty": 1,
        "bridge_dies": 2,
        "bridge_is_killed": 3,
        "bridge_hangs": 1,
        "is_killed": 48,
        "power_goes": 1,
        "boots_in_1970": 1,
        "boots_behind": 2,
        "is_set_ahead": 1,
        "stick_is_pulled": 2,
        "stick_is_moved": 3,
    }.items() <= Counter(
        trouble.what for trouble in plan(7, killed_from=16, minutes=31)
    ).items()  # fmt: skip


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("at least 20,000", journal.READINGS_A_SECOND_MIN),
        ("at least 2,000", gateway.READINGS_A_SECOND_MIN),
        ("at most 120 s", gateway.WEEK_S_MAX),
        ("at most 60 MB", journal.DAY_MB_MAX),
        ("at most 90 MB", house.MB_MAX),
        ("at most 2 %", house.CORE_MAX * 100),
        ("at most 2 s", house.START_S_MAX),
    ],
)
def test_the_limits_of_the_page_are_those_of_the_benches(said, limit):
    assert f"| {said} |" in TEXT
    assert limit == float(re.sub(r"[^\d]", "", said))
