"""A reader of NFC cards that is woken, set up, asked again and again, and woken once more."""

import pytest

from drivers import pn532
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Rest, Send, Wait
from firmware_sim.devices import pn532 as simulated
from tests.talk import Talk

ACK = bytes.fromhex("0000ff00ff00")
# Sums worked out by hand: each ends a row that adds up to a multiple of 256.
SAM = bytes.fromhex("0000ff05fbd4140100001700")
RETRIES = bytes.fromhex("0000ff06fad43205ff0101f400")
SEARCH = bytes.fromhex("0000ff04fcd44a0200e000")
FIELD_OFF = bytes.fromhex("0000ff04fcd4320100f900")
SAM_DONE = bytes.fromhex("0000ff02fed5151600")
RF_DONE = bytes.fromhex("0000ff02fed533f800")
NOBODY = bytes.fromhex("0000ff03fdd54b00e000")
# Four bytes, as MIFARE Classic cards have: DE AD BE EF.
CARD = bytes.fromhex("0000ff0cf4d54b010100040804deadbeef9600")
PHONE = bytes.fromhex("0000ff0cf4d54b01010004200408adbeef5400")


def _open():
    return pn532.DEVICE.open({})


def _ready():
    """A session whose chip has been set up and just told that there is no card."""
    session = _open()
    session.timeout()
    session.timeout()
    for answer in (SAM_DONE, RF_DONE, NOBODY, RF_DONE):
        session.feed(ACK + answer)
    return session


def _sent(steps):
    return [step.data for step in steps if isinstance(step, Send)]


def _faults(steps):
    return [f.kind for step in steps if isinstance(step, Message) for f in step.faults]


def _cards(steps):
    return [r.value for step in steps if isinstance(step, Message) for r in step.readings]


def test_the_chip_is_woken_set_up_and_asked_in_this_order():
    session = _open()
    assert session.timeout() == [Send(ACK), Wait(0.02)]
    assert session.timeout() == [Send(b"\x55\x55" + bytes(14) + SAM), Wait(0.5)]
    assert session.feed(ACK) == []
    assert session.feed(SAM_DONE)[1:] == [Send(RETRIES), Wait(0.5)]
    assert session.feed(ACK + RF_DONE)[1:] == [Send(SEARCH), Wait(0.5)]
    assert session.feed(ACK + NOBODY)[1:] == [Send(FIELD_OFF), Wait(0.5)]
    assert session.feed(ACK + RF_DONE)[1:] == [Rest(0.2)]
    assert session.timeout() == [Send(SEARCH), Wait(0.5)]


def test_a_card_that_stays_is_told_in_every_round():
    session = _ready()
    told = []
    for _ in range(3):
        session.timeout()
        told += _cards(session.feed(ACK + CARD))
        session.feed(ACK + RF_DONE)
    assert told == ["DEADBEEF"] * 3


def test_a_chip_that_is_silent_is_woken_again_and_said_to_be_silent_once():
    session = _ready()
    session.timeout()
    steps = session.timeout()
    assert steps[0].faults == (Fault("silent", 61, 0, "the chip does not answer"),)
    assert steps[1:] == [Rest(1.0)]
    assert session.timeout() == [Send(ACK), Wait(0.02)]
    assert _sent(session.timeout()) == [b"\x55\x55" + bytes(14) + SAM]
    assert session.timeout() == [Rest(1.0)]
    session.timeout()
    session.timeout()
    assert _sent(session.feed(ACK + SAM_DONE)) == [RETRIES]
    assert _faults(session.timeout()) == ["silent"]


def test_an_acknowledgement_alone_is_no_answer():
    session = _ready()
    session.timeout()
    assert session.feed(ACK) == []
    assert _faults(session.timeout()) == ["silent"]


@pytest.mark.parametrize(
    ("number", "listed"),
    [
        ("DEADBEEF", "010100040804deadbeef"),
        ("04A1B2C3D4E580", "0101004400 0704a1b2c3d4e580"),
        ("04112233445566778899", "0101008400 0a04112233445566778899"),
        ("DEADBEEF", "010100042004deadbeef0578338002"),
        ("DEADBEEF", "010100042004deadbeef"),
    ],
    ids=["four bytes", "seven", "ten", "four and its ATS", "an ATS that failed"],
)
def test_numbers_of_every_length_are_read(number, listed):
    answer = pn532.frame(b"\x4b" + bytes.fromhex(listed), 0xD5)
    assert _cards(_open().feed(answer)) == [number]


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        ("collision", "02 010004 0804deadbeef 020004 0804cafe0001"),
        ("random", "0101 0004 20 0408adbeef"),
        ("shape", "0101 0004 08 05deadbeef00"),
        ("shape", "0101 0004 08 04deadbe"),
        ("shape", "0101 0004 08 04deadbeef00"),
        ("shape", "0101 0004 20 04deadbeef0678338002"),
        ("shape", "0301"),
        ("shape", "0001"),
        ("shape", "01"),
        ("shape", ""),
    ],
)
def test_what_is_not_one_card_with_a_number_of_its_own_is_refused(kind, listed):
    answer = pn532.frame(b"\x4b" + bytes.fromhex(listed), 0xD5)
    (message,) = _open().feed(answer)
    assert [fault.kind for fault in message.faults] == [kind]
    assert message.readings == ()


def test_a_phone_that_draws_a_number_is_no_card():
    assert _faults(_open().feed(PHONE)) == ["random"]


def test_an_extended_frame_is_read_like_a_normal_one():
    extended = bytes.fromhex("0000ffffff000cf4d54b010100040804deadbeef9600")
    (message,) = _open().feed(extended)
    assert message == Message(0, extended, (Reading("card", "DEADBEEF"),))


def test_a_wrong_sum_names_no_card():
    wrong = CARD[:-2] + b"\x97\x00"
    (message,) = _open().feed(wrong)
    assert message.readings == ()
    assert message.faults == (Fault("checksum", 0, 19, "frame says 97, its bytes give 96"),)


@pytest.mark.parametrize("at", range(len(CARD)))
def test_a_frame_that_lost_a_byte_does_not_take_the_next_one_with_it(at):
    assert _cards(_open().feed(CARD[:at] + CARD[at + 1 :] + ACK + CARD))[-1:] == ["DEADBEEF"]


@pytest.mark.parametrize("at", range(len(CARD) - 1))
def test_a_frame_that_was_cut_off_does_not_take_the_next_one_with_it(at):
    steps = _open().feed(CARD[:at] + ACK + CARD)
    assert _cards(steps) == ["DEADBEEF"]


@pytest.mark.parametrize("length", ["000cf5", "0000f4", "010af5", "000000"])
def test_an_extended_frame_whose_length_cannot_be_is_noise(length):
    steps = _open().feed(bytes.fromhex("0000ffffff" + length) + CARD)
    assert set(_faults(steps)) == {"noise"}
    assert _cards(steps) == ["DEADBEEF"]


def test_a_length_that_is_wrong_is_noise_and_the_frame_behind_it_is_found():
    noise, message = _open().feed(bytes.fromhex("0000ff0cf3") + CARD)
    assert noise == Message(2, b"", (), (Fault("noise", 2, 3),))
    assert message.readings == (Reading("card", "DEADBEEF"),)


def test_zeros_around_frames_are_no_noise():
    steps = _open().feed(bytes(9) + ACK + bytes(7) + CARD + bytes(3))
    assert _faults(steps) == []
    assert _cards(steps) == ["DEADBEEF"]


def test_a_command_that_the_chip_does_not_know_is_said():
    (message,) = _open().feed(bytes.fromhex("0000ff01ff7f8100"))
    assert [fault.kind for fault in message.faults] == ["syntax"]


def test_an_error_of_the_chip_ends_the_round_and_it_is_set_up_anew():
    session = _ready()
    session.timeout()
    session.feed(bytes.fromhex("0000ff01ff7f8100"))
    assert _faults(session.timeout()) == ["silent"]
    assert session.timeout() == [Send(ACK), Wait(0.02)]


def test_an_answer_to_another_command_is_not_taken_for_the_one_that_is_due():
    session = _ready()
    session.timeout()
    assert _sent(session.feed(ACK + RF_DONE)) == []
    assert _sent(session.feed(NOBODY)) == [FIELD_OFF]


def _held(card):
    return lambda _: {"card": card}


def test_a_chip_whose_power_dipped_reads_again_within_three_seconds():
    chip = simulated.Chip(_held("DEADBEEF"), is_desfire=False, dips=True, now_ms=0)
    talk = Talk(_open(), chip)
    assert _cards(talk.go_on(6_900))
    talk.go_on(3_000)
    assert _cards(talk.go_on(2_000))


def test_a_card_held_for_a_second_is_told_several_times():
    chip = simulated.Chip(_held("DEADBEEF"), is_desfire=False, dips=False, now_ms=0)
    talk = Talk(_open(), chip)
    talk.go_on(1_000)
    assert 3 <= len(_cards(talk.go_on(1_000))) <= 10


def test_without_a_limit_of_retries_a_search_lasts_until_it_is_aborted():
    chip = simulated.Chip(_held(""), is_desfire=False, dips=False, now_ms=0)
    assert chip.hears(SAM, now_ms=0) == b""  # asleep
    assert chip.hears(b"\x55\x55" + bytes(14) + SAM, now_ms=0) == ACK
    assert chip.ticks(10) == SAM_DONE
    assert chip.hears(SEARCH, now_ms=20) == ACK
    assert chip.ticks(60_000) == b""
    assert chip.hears(ACK + RETRIES, now_ms=60_000) == ACK
    assert chip.ticks(60_010) == RF_DONE
    assert chip.hears(SEARCH, now_ms=60_020) == ACK
    assert chip.ticks(60_060) == NOBODY
