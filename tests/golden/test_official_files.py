"""Files in the layout of grid operators, read by the mappings that are there by name."""

from pathlib import Path

import pytest

from ledger_bridge.official.mapping import load, names
from ledger_bridge.official.reading import read

FOLDER = Path(__file__).parent / "official"
FOLDERS_FILES = 4


def found(name, **known):
    data = (FOLDER / f"{name}.csv").read_bytes()
    taken = read(data, load(name), name=name, progress=lambda done, of: None, **known)
    assert [] == taken.refused
    return {
        register: [
            (f"{quarter * 900 % 86_400 // 3600:02}:{quarter * 900 % 3600 // 60:02}", *figure[:2])
            for quarter, figure in figures.items()
        ]
        for (_, register), figures in taken.figures.items()
    }


def test_every_file_has_a_mapping_of_its_name():
    files = {path.stem for path in FOLDER.glob("*.csv")}
    print(f"files read: {len(files)}")
    assert FOLDERS_FILES == len(files)
    assert files <= set(names())


def test_a_file_of_fluvius_has_two_directions_per_tariff_and_says_what_was_estimated():
    """12:00 in Brussels is 10:00 of UTC; tariff 1 is the day in Belgium."""
    assert {
        "1-0:1.8.1": [("10:00", 12_000, "m"), ("10:15", 0, "m"), ("10:30", None, "-")],
        "1-0:2.8.1": [("10:00", 301_000, "m"), ("10:15", 299_000, "s"), ("10:30", None, "-")],
    } == found("fluvius")


def test_a_load_curve_of_enedis_is_power_over_half_hours():
    """461 W over half an hour are 230.5 Wh, 115.25 in each quarter; 120 W are 60 Wh. Midnight in
    Paris is 22:00 of UTC. Nobody measured the quarters of a half hour.
    """
    assert {
        "1-0:1.8.0": [
            ("22:00", 115_250, "s"), ("22:15", 115_250, "s"), ("22:30", None, "-"),
            ("22:45", None, "-"), ("23:00", 30_000, "s"), ("23:15", 30_000, "s"),
        ],
    } == found("enedis", point="30000000000001")  # fmt: skip


def test_hours_of_datadis_are_called_by_their_end_also_where_the_clock_goes_back():
    """The night of 25 hours in Madrid: the hours that begin at 00, 01, 02, 02 and 03 o'clock are
    22:00, 23:00, 00:00, 01:00 and 02:00 of UTC; the one that ends at 24:00 begins at 22:00 of UTC.
    """
    hours = found("datadis")["1-0:1.8.0"]
    assert [
        ("22:00", 25_250, "s"), ("23:00", 25_500, "s"), ("00:00", 25_750, "s"),
        ("01:00", 26_000, "s"), ("02:00", 26_250, "s"), ("22:00", 26_500, "s"),
    ] == hours[::4]  # fmt: skip
    # What is left over of a thousandth of a Wh goes to the first quarters: 500 Wh have none.
    assert [("22:00", 125_000, "s"), ("22:15", 125_000, "s")] == found("datadis")["1-0:2.8.0"][
        -4:-2
    ]


def test_quarters_of_netz_noe_are_stamped_at_their_end_twice_where_the_clock_goes_back():
    """02:00 is 00:00 of UTC and ends the quarter of 23:45; the second 02:00 is 01:00 of UTC."""
    assert [
        ("23:45", 63_000, "m"), ("00:00", 1_000, "m"), ("00:15", 2_000, "m"), ("00:30", 3_000, "s"),
        ("00:45", 4_000, "m"), ("01:00", 5_000, "m"), ("01:15", None, "-"), ("01:30", 7_000, "m"),
        ("01:45", 8_000, "m"),
    ] == found("netz-noe", point="AT0010000000000000001000000000001")["1-0:1.8.0"]  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_every_mapping_that_is_there_by_name_can_be_read(name):
    assert load(name).columns
