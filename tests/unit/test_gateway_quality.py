"""How well a line is heard: counted, told of the last hour, and when it was away."""

from drivers.reading import Fault, Message, Reading
from gateway.lines.quality import LineQuality, told

READ = Message(0, b"x", (Reading("1-0:1.8.0", 1, "mWh"),))
ODD = Message(0, b"x", READ.readings, (Fault("placeholder", 0, 1),))
TORN = Message(0, b"x", (), (Fault("checksum", 0, 1), Fault("object", 0, 1)))


def test_what_came_is_counted_by_kind():
    line = LineQuality()
    line.open(100.0)
    line.hear(10, 101.0)
    line.hear(5, 104.0)
    for message in (READ, ODD, TORN, Message(0, b"y")):
        line.take(message, 104.0)
    assert told(line, 104.5) == {
        "bytes": 15,
        "telegrams": 2,
        "faults": {"placeholder": 1, "checksum": 1, "object": 1},
        "damaged": 0.25,
        "opened": 1,
        "silent_s_max": 3.0,
    }


def test_damage_is_told_of_the_last_half_hour_to_hour():
    line = LineQuality()
    line.take(TORN, 0.0)
    for second in range(1, 4):
        line.take(READ, float(second))
    assert line.damaged() == 0.25
    line.take(READ, 1800.0)
    assert line.damaged() == 0.2
    line.take(READ, 3600.0)
    assert line.damaged() == 0.0


def test_damage_before_a_long_silence_is_forgotten():
    line = LineQuality()
    line.take(TORN, 0.0)
    line.take(READ, 3600.0)
    assert line.damaged() == 0.0


def test_nothing_is_damaged_where_nothing_came():
    assert LineQuality().damaged() == 0.0


def test_a_silence_that_lasts_counts_and_one_of_a_lost_line_does_not():
    line = LineQuality()
    line.open(0.0)
    assert line.silent_s(60.0) == 60.0
    assert told(line, 60.0)["silent_s_max"] == 60.0
    line.lose(70.0, why="unplugged", try_="")
    assert line.silent_s(700.0) == 0.0


def test_a_line_is_lost_since_the_first_time_and_for_the_last_reason():
    line = LineQuality()
    line.open(0.0)
    line.lose(10.0, why="unplugged", try_="")
    line.lose(12.0, why="held by hass (process 7)", try_="stop it there")
    assert (line.lost_since_s, line.try_) == (10.0, "stop it there")
    assert told(line, 15.5)["lost_s"] == 5.5
    assert told(line, 15.5)["why"] == "held by hass (process 7)"
    line.open(20.0)
    assert (line.lost_since_s, line.why, line.try_, line.opened) == (None, "", "", 2)
