"""The driver of pushed DLMS: how telegrams come together, how they are opened, what lists say."""

import pytest

from drivers import dlms
from drivers.reading import Reading
from drivers.sdk import SettingError
from drivers.wire import gcm
from firmware_sim import cosem
from firmware_sim.cosem import array, unsigned
from tests.pushes import KEYS, NOON_MS, TITLE, framed, hear, named, notified, outline

POWER = notified(array(named("1-0:1.7.0", unsigned(1122, 4))))
READ = (1, [])


# How telegrams come together


def test_one_flag_may_end_a_frame_and_begin_the_next() -> None:
    one = framed(POWER)
    messages = hear(one + one[1:] + one[1:])

    assert outline(messages) == [READ, READ, READ]
    assert [message.raw for message in messages] == [one, one[1:], one[1:]]


def test_flags_between_frames_are_no_noise() -> None:
    one = framed(POWER)
    stream = b"\x7e\x7e" + one + b"\x7e" * 40 + one + b"\x55\x7e" + one + b"\x7e"
    session = dlms.DEVICE.open({})
    steps = [step for n in range(len(stream)) for step in session.feed(stream[n : n + 1])]

    assert outline(hear(stream)) == [READ, READ, (0, ["noise"]), READ]
    assert steps + session.timeout() == hear(stream)


def test_segments_are_put_together() -> None:
    items = [named(f"1-0:{n}.7.0", unsigned(n, 4)) for n in range(1, 41)]
    stream = cosem.in_segments(notified(array(*items)))
    (message,) = hear(stream)

    assert len(message.readings) == 40
    assert message.raw == stream


def _frames(stream):
    """Frames with two flags each, apart."""
    return [b"\x7e" + one + b"\x7e" for one in stream[1:-1].split(b"\x7e\x7e")]


LONG = notified(array(*(named(f"1-0:{n}.7.0", unsigned(n, 4)) for n in range(1, 20))))
BLOCKS = _frames(cosem.in_blocks(LONG))
SEGMENTS = _frames(cosem.in_segments(LONG))


@pytest.mark.parametrize("length", [b"\x29", b"\x2b", b"\x00", b"\x84\x00\x00\x00\x29", b"\xff"])
def test_a_block_of_another_length_than_it_says_is_refused(length) -> None:
    block = b"\xe0\xc0\x00\x01\x00\x00" + length + POWER + b"\x00"

    assert len(POWER) == 0x29
    assert outline(hear(framed(block))) == [(0, ["cut"])]


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([0, 1, 2, 3], [(19, [])]),
        ([0, 2, 3], [(0, ["cut"]), (0, ["cut"])]),
        ([0, 1, 1, 2, 3], [(0, ["cut"]), (0, ["cut"]), (0, ["cut"])]),
        ([1, 2, 3], [(0, ["cut"])] * 3),
        ([0, 1, 0, 1, 2, 3], [(0, ["cut"]), (19, [])]),
        ([0, 1], [(0, ["cut"])]),
    ],
    ids=["in order", "one missing", "one twice", "begun late", "begun anew", "cut off"],
)
def test_blocks_out_of_order_are_refused_with_their_telegram(frames, told) -> None:
    assert len(BLOCKS) == 4
    assert outline(hear(b"".join(BLOCKS[n] for n in frames))) == told


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([0, 1, 2], [(19, [])]),
        ([1, 2], [(0, ["cut"])] * 2),
        ([0, 1, 0, 1, 2], [(0, ["cut"]), (19, [])]),
        ([0, 2], [(0, ["object"])]),
    ],
    ids=["in order", "begun late", "begun anew", "one missing"],
)
def test_segments_that_do_not_fit_are_refused(frames, told) -> None:
    assert len(SEGMENTS) == 3
    assert outline(hear(b"".join(SEGMENTS[n] for n in frames))) == told


def test_a_telegram_without_its_end_is_told_when_another_begins() -> None:
    one = framed(POWER)
    session = dlms.DEVICE.open({})
    session.feed(b"".join(BLOCKS[:2]))
    steps = session.feed(one)

    assert outline(steps) == [(0, ["cut"]), READ]
    assert steps[0].raw == b"".join(BLOCKS[:2])


def test_a_broken_frame_breaks_the_telegram_around_it() -> None:
    wrong = BLOCKS[1][:20] + b"\x55" + BLOCKS[1][21:]
    messages = hear(BLOCKS[0] + wrong + BLOCKS[2] + BLOCKS[3] + framed(POWER))

    assert outline(messages) == [
        (0, ["cut"]),
        (0, ["checksum"]),
        (0, ["cut"]),
        (0, ["cut"]),
        READ,
    ]


AUSTRIAN = cosem.sealed(LONG, title=TITLE, counter=1, tagged=False)


def _mbus(payload, ci=0x10):
    content = bytes((0x53, 0xFF, ci, 0x01, 0x67)) + payload
    size = len(content) % 256
    return bytes((0x68, size, size, 0x68)) + content + bytes((sum(content) % 256, 0x16))


def test_a_length_of_one_stands_for_257_bytes() -> None:
    stream = _mbus(AUSTRIAN[:252], 0x00) + _mbus(AUSTRIAN[252:], 0x11)
    (message,) = hear(stream, KEYS)

    assert stream[:4] == b"\x68\x01\x01\x68"
    assert len(message.readings) == 19
    assert message.raw == stream


def test_a_pause_with_noise_between_two_segments_breaks_nothing() -> None:
    stream = _mbus(AUSTRIAN[:200], 0x00) + b"\x00\xff" + _mbus(AUSTRIAN[200:], 0x11)
    (message,) = hear(stream, KEYS)

    assert len(message.readings) == 19
    assert message.raw == stream


@pytest.mark.parametrize(
    ("second", "kinds"),
    [
        (_mbus(AUSTRIAN[200:], 0x12), [(0, ["cut"])]),
        (_mbus(AUSTRIAN[200:], 0x11)[:-2] + b"\x00\x16", [(0, ["cut"]), (0, ["checksum"])]),
        (_mbus(AUSTRIAN[202:], 0x11), [(0, ["cipher"])]),
    ],
    ids=["another number", "a wrong sum", "bytes missing"],
)
def test_a_segment_that_does_not_fit_refuses_its_telegram(second, kinds) -> None:
    assert outline(hear(_mbus(AUSTRIAN[:200], 0x00) + second, KEYS)) == kinds


def test_what_is_not_encrypted_in_mbus_is_unchecked() -> None:
    (message,) = hear(_mbus(POWER))

    assert message.readings == (
        Reading("1-0:1.7.0", 1_122_000, "mW", NOON_MS, "", None, "unchecked"),
    )


@pytest.mark.parametrize(
    ("stream", "kinds"),
    [
        (POWER, [READ]),
        (AUSTRIAN, [(19, [])]),
        (POWER + b"\x01", [(0, ["noise"])]),
        (POWER[:-1], [(0, ["noise"])]),
        (b"\x55" + POWER, [(0, ["noise"])]),
    ],
    ids=["plain", "encrypted", "a byte more", "a byte less", "a byte before"],
)
def test_a_telegram_without_frames_is_read_between_two_silences_alone(stream, kinds) -> None:
    assert outline(hear(stream, KEYS)) == kinds


# How telegrams are opened


def _sealed(counter, *, tagged=True, apdu=POWER):
    return framed(cosem.sealed(apdu, title=TITLE, counter=counter, tagged=tagged))


def test_a_tag_that_fits_takes_every_doubt() -> None:
    (message,) = hear(_sealed(1), KEYS)

    assert [reading.doubt for reading in message.readings] == [""]


@pytest.mark.parametrize(
    ("tagged", "settings"),
    [(True, {"key": KEYS["key"]}), (False, KEYS), (False, {"key": KEYS["key"]})],
    ids=["no authentication key", "no tag", "neither"],
)
def test_what_cannot_be_verified_says_so(tagged, settings) -> None:
    (message,) = hear(_sealed(1, tagged=tagged), settings)

    assert [reading.doubt for reading in message.readings] == ["unverified"]


def test_a_counter_that_was_there_is_refused() -> None:
    stream = _sealed(5) + _sealed(5) + _sealed(4) + _sealed(6)

    assert outline(hear(stream, KEYS)) == [READ, (0, ["replay"]), (0, ["replay"]), READ]


def test_what_another_key_opens_is_no_data_and_no_counter_to_remember() -> None:
    other = {"key": "00" * 16}
    session = dlms.DEVICE.open(other)
    steps = session.feed(_sealed(9)) + session.feed(_sealed(9))

    assert outline(steps) == [(0, ["key"]), (0, ["key"])]


def test_a_key_may_be_written_with_blanks_and_colons() -> None:
    written = ":".join(KEYS["key"][n : n + 2] for n in range(0, 32, 2))

    assert outline(hear(_sealed(1), {"key": f" {written.upper()} "})) == [READ]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"key": "00112233"}, "key"),
        ({"key": KEYS["key"], "auth_key": "no key at all"}, "auth_key"),
        ({"auth_key": KEYS["auth_key"]}, "key"),
        ({"energy_step_wh": "100"}, "energy_step_wh"),
    ],
)
def test_a_setting_that_cannot_work_is_named_and_no_key_is_told(settings, name) -> None:
    with pytest.raises(SettingError) as error:
        dlms.DEVICE.open(settings)

    assert error.value.name == name
    assert not any(value in str(error.value) for value in settings.values() if len(value) > 5)


def test_the_second_security_suite_encrypts_as_the_first() -> None:
    sealed = cosem.sealed(POWER, title=TITLE, counter=1, tagged=False)
    of_suite_1 = sealed.replace(TITLE + sealed[10:12], TITLE + sealed[10:11] + b"\x21")

    assert of_suite_1[11] == 0x21
    assert outline(hear(framed(of_suite_1), KEYS)) == [READ]


def test_what_is_no_notification_is_refused() -> None:
    assert outline(hear(framed(b"\xc4\x01\xc1\x00\x06\x00\x00\x04\x62"))) == [(0, ["object"])]


def test_a_frame_of_ciphering_that_is_cut_short_is_refused() -> None:
    short = cosem.sealed(POWER, title=TITLE, counter=1, tagged=True)[:-1]

    assert outline(hear(framed(short), KEYS)) == [(0, ["cipher"])]
    assert gcm.TAG_BYTES == 12


# Being found


@pytest.mark.parametrize(
    ("sample", "is_one"),
    [
        (b"\x55" * 30 + framed(POWER), True),
        (framed(POWER)[9:] + BLOCKS[2] + BLOCKS[0], True),
        (_mbus(AUSTRIAN[:200], 0x00), True),
        (framed(POWER)[:-3] + b"\x00\x00\x7e", False),
        (BLOCKS[1], False),
        (_mbus(b"\x72\x00\x00"), False),
        (bytes.fromhex("68 14 14 68 08 01 72") + bytes(17) + b"\x7b\x16", False),
        (POWER, False),
        (b"", False),
    ],
)
def test_a_push_is_recognised_by_a_whole_frame_that_begins_one(sample, is_one) -> None:
    assert dlms.DEVICE.recognise(sample) is is_one
