"""What `watch` shows: each change once, exactly, and no number of a card."""

import shutil

import msgspec
import pytest

from drivers.reading import Message, Reading
from gateway.lines.quality import LineQuality
from gateway.tools import watch
from gateway.tools.watch import Now, Value

HALL = Now("ok", {"1-0:1.8.1": Value(4_426_500, "mWh"), "0-0:96.14.0": Value("0002", "")})


def test_each_change_is_a_line_and_nothing_is_told_twice(capsys):
    show = watch._shower(["hall"], as_json=False)
    show({"hall": HALL})
    show({"hall": HALL})
    show({"hall": HALL._replace(values={**HALL.values, "1-0:1.8.1": Value(4_426_501, "mWh")})})
    show({"hall": HALL._replace(state="lost: unplugged")})
    assert [
        "hall ok",
        "hall 1-0:1.8.1 4426.5 Wh",
        "hall 0-0:96.14.0 0002",
        "hall 1-0:1.8.1 4426.501 Wh",
        "hall lost: unplugged",
        "hall 1-0:1.8.1 4426.5 Wh",
    ] == capsys.readouterr().out.splitlines()


def test_in_json_an_amount_stands_with_its_unit(capsys):
    watch._shower(["hall"], as_json=True)({"hall": HALL})
    assert [
        {"device": "hall", "state": "ok"},
        {"device": "hall", "register": "1-0:1.8.1", "value": 4_426_500, "unit": "mWh"},
        {"device": "hall", "register": "0-0:96.14.0", "value": "0002", "unit": ""},
    ] == [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]


def test_only_the_devices_that_were_asked_for_are_shown(capsys):
    watch._shower(["hall"], as_json=False)({"roof": HALL, "hall": Now("lost", {})})
    assert "hall lost\n" == capsys.readouterr().out


def test_the_number_of_a_card_is_not_shown():
    house = {"gate": Now("ok", {})}
    listener = watch._listener("gate", house, lambda _: None, LineQuality())
    listener.message(Message(0, b"", (Reading("card", "04A1B2C3"),)))
    assert {"card": Value("read", "")} == house["gate"].values


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        (
            80,
            24,
            [
                "",
                "hall: ok",
                "  1-0:1.8.1                   4426.5 Wh  energy taken, tariff 1",
                "  0-0:96.14.0                      0002  tariff now",
            ],
        ),
        (20, 5, ["", "hall: ok", "… 2 more; name one "]),
    ],
    ids=["wide", "narrow"],
)
def test_a_table_fits_its_window(capsys, monkeypatch, columns, rows, expected):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: (columns, rows))
    watch._draw({"hall": HALL})
    out = capsys.readouterr().out.removeprefix(watch.CLEAR)
    assert expected == out.splitlines()[1:]
