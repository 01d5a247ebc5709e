"""What a meter's clock shows, and when that was in UTC."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.moments import Moment, moment

ZONE = ZoneInfo("Europe/Amsterdam")


def _moment(written: str) -> Moment | None:
    return moment(bytes.fromhex(written.replace(" ", "")))


def _at_ms(written: str, *, is_winter: bool = False) -> int | None:
    shown = _moment(written)
    assert shown is not None
    return shown.at_ms(is_winter=is_winter)


NOON_MS = 1_782_036_000_000  # 2026-06-21 10:00 UTC, noon in central Europe


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        # year, month, day, weekday, hour, minute, second, hundredths, deviation, status
        ("07ea 06 15 07 0c 00 00 ff ff88 80", NOON_MS),
        ("07ea 06 15 07 0c 00 00 00 ff88 80", NOON_MS),
        ("07ea 06 15 ff 0c 00 ff ff ff88 80", NOON_MS),
        ("07ea 06 15 07 0c 00 00 12 ff88 80", NOON_MS + 180),
        ("07ea 06 15 07 0a 00 00 ff 0000 00", NOON_MS),
        ("07ea 06 15 07 05 00 00 ff 012c 00", NOON_MS + 0),  # five hours west
        ("07ea 06 15 07 0c 00 00 ff 8000 80", NOON_MS),  # the meter says summer
        ("07ea 06 15 07 0c 00 00 ff 8000 00", NOON_MS),  # the calendar does
        ("07ea 06 15 07 0c 00 00 ff 8000 ff", NOON_MS),
        ("07ea 01 0f 04 08 00 00 ff 8000 00", 1_768_460_400_000),
        ("07ea 01 0f 04 08 00 00 ff 8000 80", 1_768_456_800_000),  # believed over the calendar
    ],
)
def test_a_moment_is_told_in_utc(written: str, at_ms: int) -> None:
    assert _at_ms(written) == at_ms


def test_a_clock_in_winter_time_all_the_year_is_an_hour_behind_in_summer() -> None:
    assert _at_ms("07ea 06 15 07 0b 00 00 ff 8000 00", is_winter=True) == NOON_MS
    assert _at_ms("07ea 06 15 07 0c 00 00 ff 8000 80", is_winter=True) == NOON_MS


def test_a_moment_is_written_as_the_meter_shows_it() -> None:
    shown = _moment("07ea 06 15 07 0c 01 05 ff ff88 80")
    assert shown is not None
    assert shown.written == "2026-06-21T12:01:05"


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        ("07ea 0a 19 07 02 1e 00 ff 8000 00", None),  # comes twice
        ("07ea 0a 19 07 02 1e 00 ff 8000 80", 1_792_888_200_000),
        ("07ea 03 1d 07 02 1e 00 ff 8000 00", None),  # never comes
        ("07ea 0a 19 07 01 3b 3b ff 8000 00", 1_792_886_399_000),
        ("07ea 0a 19 07 03 00 00 ff 8000 00", 1_792_893_600_000),
    ],
)
def test_the_hour_of_the_change_is_known_only_by_the_flag(written: str, at_ms: int | None) -> None:
    assert _at_ms(written) == at_ms


@pytest.mark.parametrize(
    "written",
    [
        "ffff 06 15 07 0c 00 00 ff ff88 80",
        "07ea ff 15 07 0c 00 00 ff ff88 80",
        "07ea 06 fe 07 0c 00 00 ff ff88 80",
        "07ea 06 15 07 ff 00 00 ff ff88 80",
        "07ea 06 15 07 0c ff 00 ff ff88 80",
        "07ea 06 1f 07 0c 00 00 ff ff88 80",  # 31 June
        "07ea 02 1d 07 0c 00 00 ff ff88 80",  # 29 February 2026
        "07d0 01 01 06 00 00 00 ff 8000 00",  # a clock that was never set
        "07b2 01 01 04 00 00 00 ff 8000 00",
        "07ea 06 15 07 0c 00 00 ff ff88",
    ],
)
def test_what_leaves_the_time_open_is_no_moment(written: str) -> None:
    assert _moment(written) is None


@given(st.datetimes(dt.datetime(2001, 1, 1), dt.datetime(2099, 12, 31)))  # noqa: DTZ001
def test_the_calendar_is_that_of_central_europe(local: dt.datetime) -> None:
    local = local.replace(microsecond=0)
    written = local.year.to_bytes(2, "big") + bytes((local.month, local.day, 0xFF))
    written += bytes((local.hour, local.minute, local.second, 0xFF, 0x80, 0, 0))
    first, second = (local.replace(tzinfo=ZONE, fold=fold) for fold in (0, 1))
    shown = moment(written)

    assert shown is not None
    if first.utcoffset() == second.utcoffset():
        assert shown.at_ms() == round(first.timestamp()) * 1000
    else:
        assert shown.at_ms() is None
