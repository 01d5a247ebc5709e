"""Simulated P1 ports: what a peer reads of them, how they send, and what may happen to a meter."""

import pytest

from drivers import p1 as driver
from drivers.reading import Message
from firmware_sim.devices import p1
from firmware_sim.p1_dialects import DSMR_502
from firmware_sim.p1_lines import GAS
from tests import dsmr

NOON_MS = 1_782_036_000_000  # 21 June 2026, 12 o'clock in Amsterdam
SEED = 7
SOURCE = p1.SIMULATOR.source(SEED)


def _port(**happens):
    return p1.Port(
        DSMR_502,
        SOURCE,
        NOON_MS,
        peaks=lambda _at_ms: (),
        hung=((1, GAS, "gas"),),
        happens=p1.Happens(**happens),
    )


def _read(port, *times_ms):
    """The readings of a telegram at each of these times, by register."""
    session = driver.DEVICE.open({})
    told = []
    for now_ms in times_ms:
        (message,) = session.feed(port.telegram(now_ms))
        assert isinstance(message, Message)
        told.append({reading.register: reading for reading in message.readings})
    return told


@pytest.mark.parametrize(
    ("variant", "specification", "shared"),
    [
        ("DSMR 2.2", "V2_2", 8),
        ("DSMR 3.0", "V3", 8),
        ("DSMR 4.2", "V4", 16),
        ("DSMR 5.0.2", "V5", 18),
        ("SMR 5.5", "V5", 18),
        ("Belgium 1.7.1", "BELGIUM_FLUVIUS", 22),
        ("Belgium 2.1.1", "BELGIUM_FLUVIUS", 22),
        ("Luxembourg, in a cipher", "LUXEMBOURG_SMARTY", 16),
        ("Austria, in a cipher", "SAGEMCOM_T210_D_R", 12),
        ("Sweden", "SWEDEN", 24),
        ("Hungary", "EON_HUNGARY", 28),
    ],
)
def test_a_peer_reads_every_dialect_as_what_the_meter_showed(variant, specification, shared):
    port = p1.begin(variant, SOURCE, SEED, NOON_MS)
    settings = p1.SIMULATOR.variants[variant]
    sent = port.telegram(NOON_MS)
    if variant in {"DSMR 2.2", "DSMR 3.0"}:  # the peer knows no parity
        sent = bytes(byte & 0x7F for byte in sent)
    read = dsmr.amounts(
        specification, sent, key=settings.get("key", ""), auth_key=settings.get("auth_key")
    )

    truth = port.truth()
    assert shared == len(read)
    assert {(name, truth[name]) for name, _, _ in read} == {(name, one) for name, one, _ in read}


def test_a_telegram_comes_as_often_as_the_dialect_says():
    for variant, interval_ms in (("DSMR 5.0.2", 1_000), ("DSMR 2.2", 10_000), ("Sweden", 10_000)):
        port = p1.begin(variant, SOURCE, SEED, NOON_MS)
        said = [now for now in range(NOON_MS, NOON_MS + 60_000, 10) if port.ticks(now)]
        assert list(range(NOON_MS, NOON_MS + 60_000, interval_ms)) == said


def test_an_old_meter_sends_seven_bits_with_even_parity():
    sent = p1.begin("DSMR 2.2", SOURCE, SEED, NOON_MS).telegram(NOON_MS)
    assert {0} == {byte.bit_count() % 2 for byte in sent}
    assert bytes(byte & 0x7F for byte in sent).startswith(b"/ISk5\\2MT382-1004\r\n\r\n")


def test_gas_of_an_old_meter_stands_on_two_lines():
    sent = p1.begin("DSMR 2.2", SOURCE, SEED, NOON_MS).telegram(NOON_MS + 5_000)
    lines = bytes(byte & 0x7F for byte in sent).decode("ascii").split("\r\n")
    header = lines.index("0-1:24.3.0(260621120000)(00)(60)(1)(0-1:24.2.1)(m3)")
    litres = int(SOURCE(NOON_MS)["gas"]) // 1000
    assert f"({litres // 1000:05}.{litres % 1000:03})" == lines[header + 1]


def test_swedish_meters_keep_winter_time_in_summer():
    sent = p1.begin("Sweden", SOURCE, SEED, NOON_MS).telegram(NOON_MS)
    assert b"\r\n0-0:1.0.0(260621110000W)\r\n" in sent


def test_the_counter_of_a_meter_in_a_cipher_rises_with_every_telegram():
    port = p1.begin("Austria, in a cipher", SOURCE, SEED, NOON_MS)
    counters = [port.telegram(NOON_MS + n * 10_000)[14:18] for n in range(5)]
    assert sorted(set(counters)) == counters


def test_a_meter_that_is_swapped_has_another_number_and_counts_from_zero():
    port = _port(swap_ms=NOON_MS + 60_000)
    before, at_first, later = _read(port, NOON_MS + 59_000, NOON_MS + 60_000, NOON_MS + 3_600_000)

    assert before["1-0:1.8.1"].value > 10**9
    assert {0} == {at_first[name].value for name in ("1-0:1.8.1", "1-0:2.8.2")}
    grown = int(SOURCE(NOON_MS + 3_600_000)["1-0:1.8.2"]) - int(
        SOURCE(NOON_MS + 60_000)["1-0:1.8.2"]
    )
    assert grown // 1000 * 1000 == later["1-0:1.8.2"].value
    assert [
        "E0047000012345607",
        "E00470000123456079",
        "E00470000123456079",
    ] == [told["1-0:1.8.1"].serial for told in (before, at_first, later)]


def test_a_gas_meter_that_moves_leaves_a_dead_channel_behind():
    port = _port(gas_moves_ms=NOON_MS + 60_000)
    before, after = _read(port, NOON_MS + 59_000, NOON_MS + 60_000)

    assert "0-2:24.2.1" not in before
    assert "0-1:24.2.1" not in after
    assert before["0-1:24.2.1"].value == after["0-2:24.2.1"].value
    assert before["0-1:24.2.1"].serial == after["0-2:24.2.1"].serial != ""
    assert after["0-1:24.1.0"].value == after["0-2:24.1.0"].value == "003"


def test_counters_dip_to_zero_in_one_telegram_and_are_right_again():
    port = _port(dip_ms=NOON_MS + 1_500)
    told = _read(port, *(NOON_MS + n * 1_000 for n in range(4)))

    right = int(SOURCE(NOON_MS)["1-0:1.8.2"]) // 1000 * 1000
    values = [one["1-0:1.8.2"].value for one in told]
    assert values[2] == 0
    assert all(0 <= values[n] - right < 10_000 for n in (0, 1, 3))
    assert len({one["1-0:1.8.2"].serial for one in told}) == 1


def test_a_clock_that_is_months_off_stamps_everything_so():
    off_ms = -182 * 86_400_000
    (told,) = _read(_port(clock_off_ms=off_ms), NOON_MS)

    assert {NOON_MS + off_ms} == {reading.at_ms for reading in told.values()}
    assert told["1-0:1.8.2"].value == int(SOURCE(NOON_MS)["1-0:1.8.2"]) // 1000 * 1000


@pytest.mark.parametrize(
    ("variant", "register"),
    [
        ("meter is swapped", "1-0:1.8.1"),
        ("gas meter moves", "0-2:24.2.1"),
        ("counters dip to zero", "1-0:1.8.1"),
    ],
)
def test_what_may_happen_can_be_played_from_the_command_line(variant, register):
    port = p1.begin(variant, SOURCE, SEED, NOON_MS)
    port.telegram(NOON_MS + p1.SOON_MS - 1_000)
    before = port.truth().get(register)
    port.telegram(NOON_MS + p1.SOON_MS)
    after = port.truth().get(register)
    assert before != after
    assert after == 0 or before is None
