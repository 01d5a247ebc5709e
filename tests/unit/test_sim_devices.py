"""The scale and the card reader, against lines from their manuals; the port they hang on."""

import os
import tomllib
from pathlib import Path

import pytest

from firmware_sim import device
from firmware_sim.command import sim
from firmware_sim.devices.mtsics import Terminal
from firmware_sim.devices.rdm6300 import Reader, frame
from firmware_sim.scale import Plate, Scale
from firmware_sim.terminal import Terminal as Port
from gateway.config import load
from gateway.contract.errors import UsageError

SCALE = Scale(capacity_mg=60_000_000, division_mg=5_000, serial="B427100311")


@pytest.fixture
def plate():
    return Plate(SCALE)


@pytest.fixture
def scale(plate):
    return Terminal(SCALE, plate)


def test_a_settled_weight_stands_in_ten_columns(scale, plate):
    plate.put(3_217_400, now_ms=0)
    assert scale.hears(b"SI\r\n", now_ms=1_000) == b"S S      3.215 kg\r\n"


def test_half_a_division_and_more_counts_as_a_whole_one(scale, plate):
    plate.put(3_217_500, now_ms=0)
    assert scale.hears(b"SI\r\n", now_ms=1_000) == b"S S      3.220 kg\r\n"


def test_a_weight_that_still_swings_is_dynamic(scale, plate):
    plate.put(5_000_000, now_ms=0)
    assert scale.hears(b"SI\r\n", now_ms=100) == b"S D      5.800 kg\r\n"


def test_a_moving_bag_settles_after_it_was_let_go(scale, plate):
    plate.put(5_000_000, now_ms=0, moved_ms=2_000)
    assert scale.hears(b"SI\r\n", now_ms=1_999)[:4] == b"S D "
    assert scale.hears(b"SI\r\n", now_ms=2_499)[:4] == b"S D "
    assert scale.hears(b"SI\r\n", now_ms=2_500) == b"S S      5.000 kg\r\n"


def test_s_waits_for_a_stable_weight(scale, plate):
    plate.put(1_000_000, now_ms=0)
    assert scale.hears(b"S\r\n", now_ms=10) == b""
    assert scale.ticks(400) == b""
    assert scale.ticks(500) == b"S S      1.000 kg\r\n"
    assert scale.ticks(501) == b""


def test_s_gives_up_on_a_plate_that_never_rests(scale, plate):
    plate.put(1_000_000, now_ms=0, moved_ms=60_000)
    assert scale.hears(b"S\r\n", now_ms=0) == b""
    assert scale.ticks(3_000) == b"S I\r\n"


def test_sir_repeats_until_another_command(scale):
    assert scale.hears(b"SIR\r\n", now_ms=0) == b"S S      0.000 kg\r\n"
    assert scale.ticks(99) == b""
    assert scale.ticks(100) == b"S S      0.000 kg\r\n"
    assert scale.hears(b"SI\r\n", now_ms=150) == b"S S      0.000 kg\r\n"
    assert scale.ticks(900) == b""


@pytest.mark.parametrize(
    ("load_mg", "expected"), [(60_010_000, b"S +\r\n"), (-1_300_000, b"S -\r\n")]
)
def test_a_load_outside_the_range_has_no_weight(scale, plate, load_mg, expected):
    plate.put(load_mg, now_ms=0)
    assert scale.hears(b"SI\r\n", now_ms=9_000) == expected


def test_tare_makes_net_and_is_told_and_cleared(scale, plate):
    plate.put(1_500_000, now_ms=0)
    assert scale.hears(b"T\r\n", now_ms=1_000) == b"T S      1.500 kg\r\n"
    plate.put(4_000_000, now_ms=1_000)
    assert scale.hears(b"SI\r\n", now_ms=2_000) == b"S S      2.500 kg\r\n"
    assert scale.hears(b"TA\r\n", now_ms=2_000) == b"TA A      1.500 kg\r\n"
    assert scale.hears(b"TAC\r\nSI\r\n", now_ms=2_000) == b"TAC A\r\nS S      4.000 kg\r\n"


def test_zero_takes_little_and_refuses_a_load(scale, plate):
    plate.put(200_000, now_ms=0)
    assert scale.hears(b"Z\r\nSI\r\n", now_ms=1_000) == b"Z A\r\nS S      0.000 kg\r\n"
    plate.put(9_000_000, now_ms=1_000)
    assert scale.hears(b"Z\r\n", now_ms=1_100) == b"Z I\r\n"
    assert scale.hears(b"Z\r\n", now_ms=2_000) == b"Z +\r\n"


def test_it_says_who_it_is_and_refuses_what_it_does_not_know(scale):
    assert scale.hears(b"@\r\n", now_ms=0) == b'I4 A "B427100311"\r\n'
    assert scale.hears(b"I2\r\n", now_ms=0) == b'I2 A "ICS429 60 kg"\r\n'
    assert scale.hears(b"XYZ\r\nS 1\r\n", now_ms=0) == b"ES\r\nES\r\n"
    listed = scale.hears(b"I0\r\n", now_ms=0)
    assert listed.startswith(b'I0 B 0 "I0"\r\n')
    assert listed.endswith(b'I0 A 1 "TAC"\r\n')


def test_commands_may_come_in_pieces_and_noise_is_bounded(scale):
    assert scale.hears(b"S", now_ms=0) == b""
    assert scale.hears(b"I\r", now_ms=0) == b""
    assert scale.hears(b"\n", now_ms=0) == b"S S      0.000 kg\r\n"
    scale.hears(b"\xff" * 100_000, now_ms=0)
    assert scale.hears(b"\r\n", now_ms=0) == b"ES\r\n"


def test_a_card_is_five_bytes_and_their_exclusive_or():
    assert frame("0A00C0FFEE") == b"\x020A00C0FFEEDB\x03"


def test_the_frame_is_repeated_while_the_card_is_held():
    reader = Reader()
    assert reader.sends(0) == b""
    reader.hold("0A00C0FFEE")
    assert reader.sends(0) == frame("0A00C0FFEE")
    assert reader.sends(64) == b""
    assert reader.sends(65) == frame("0A00C0FFEE")
    reader.take_away()
    assert reader.sends(1_000) == b""


@pytest.fixture
def port(tmp_path):
    port = Port(tmp_path / "ports" / "hall")
    yield port
    port.close()


def _open(port):
    return os.open(port.path, os.O_RDWR | os.O_NOCTTY)


def test_a_port_that_nobody_reads_fills_up_and_goes_on_where_it_stopped(port):
    sent = bytes(range(256)) * 1024
    taken = 0
    while count := port.write(sent[taken : taken + 4096]):
        taken += count
    assert 4095 <= taken < len(sent)
    program = _open(port)
    got = b""
    while len(got) < taken:
        got += os.read(program, taken - len(got))
    assert got == sent[:taken]
    os.close(program)
    assert port.write(b"more") == 4


def test_a_port_survives_a_program_that_goes_and_comes_back(port):
    first = _open(port)
    port.write(b"one")
    assert os.read(first, 3) == b"one"
    os.close(first)
    assert port.read() == b""
    second = _open(port)
    port.write(b"two")
    assert os.read(second, 3) == b"two"
    os.write(second, b"SI\r\n")
    assert port.read() == b"SI\r\n"
    os.close(second)


def test_what_nobody_reads_can_be_forgotten(port):
    port.write(b"stale")
    port.forget()
    assert port.unread() == 0


def test_the_link_goes_with_the_port(tmp_path):
    port = Port(tmp_path / "hall")
    assert (tmp_path / "hall").is_symlink()
    port.close()
    assert not (tmp_path / "hall").is_symlink()


def test_an_unknown_device_is_answered_with_the_known_ones():
    with pytest.raises(UsageError) as refusal:
        sim("mtsisc")
    assert str(refusal.value) == (
        "error: no simulated device is called 'mtsisc'\n"
        "where: meterkast sim\n"
        f"try:   mtsics   ({', '.join(device.names())})"
    )


def test_a_port_is_not_put_over_something_that_is_there(tmp_path):
    (tmp_path / "hall").write_text("mine")
    with pytest.raises(UsageError, match="something there already"):
        sim("p1", port=tmp_path / "hall")
    assert (tmp_path / "hall").read_text() == "mine"


@pytest.mark.parametrize("has_port", [True, False])
def test_the_block_of_a_device_that_needs_a_file_is_one_that_a_gateway_can_use(
    tmp_path, capfd, monkeypatch, has_port
):
    maps = []

    async def look(*_args, **_plugs):
        block = capfd.readouterr().err
        config = tmp_path / "gateway.toml"
        config.write_text(f'gateway = "home"\n[device.hall]\n{block}')
        load(config)  # which reads the map and tries it
        maps.append(Path(tomllib.loads(block)["map"]))
        assert maps[0].exists()

    monkeypatch.setattr("firmware_sim.command._run", look)
    sim("modbus", port=tmp_path / "hall" if has_port else None)
    assert [file.name for file in maps] == ["hall.map" if has_port else "modbus.map"]
    assert not maps[0].exists()


def test_the_file_of_a_block_is_not_put_over_something_that_is_there(tmp_path):
    (tmp_path / "hall.map").write_text("mine")
    with pytest.raises(UsageError, match="something there already"):
        sim("modbus", port=tmp_path / "hall")
    assert (tmp_path / "hall.map").read_text() == "mine"
