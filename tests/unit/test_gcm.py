"""general-glo-ciphering: opened as the Green Book has it, refused where in doubt."""

from pathlib import Path

import pytest
from dlms_cosem.security import SecurityControlField, decrypt, encrypt
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.wire import gcm

# IEC 62056-5-3, Green Book, the worked example of ciphering: a get-request for the clock.
KEY = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
AUTH_KEY = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
TITLE = bytes.fromhex("4D4D4D0000BC614E")
COUNTER = 0x01234567
PLAIN = bytes.fromhex("C0010000080000010000FF0200")
CIPHER = bytes.fromhex("411312FF935A47566827C467BC")
TAG = bytes.fromhex("7D825C3BE4A77C3FCC056B6B")
# Title, then length: control, counter, text and tag have 1 + 4 + 13 + 12 bytes.
FRAME = b"\xdb\x08" + TITLE + b"\x1e\x30\x01\x23\x45\x67" + CIPHER + TAG

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "dlms"


def _taken(frame: bytes = FRAME) -> gcm.Sealed:
    sealed = gcm.take_apart(frame)
    assert isinstance(sealed, gcm.Sealed)
    return sealed


def _changed(frame: bytes, bit: int) -> bytes:
    damaged = bytearray(frame)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_a_frame_is_taken_apart() -> None:
    assert gcm.Sealed(TITLE, 0x30, COUNTER, CIPHER, TAG) == _taken()


def test_the_worked_example_of_the_green_book_is_opened_and_verified() -> None:
    assert gcm.Opened(PLAIN, is_verified=True) == gcm.Lock(KEY, AUTH_KEY).open(_taken())


def test_without_the_authentication_key_it_is_opened_and_not_verified() -> None:
    assert gcm.Opened(PLAIN, is_verified=False) == gcm.Lock(KEY).open(_taken())


def test_a_frame_without_tag_is_never_verified() -> None:
    # Its text is the same: the tag takes no part in the encryption. 1 + 4 + 13 bytes are left.
    frame = b"\xdb\x08" + TITLE + b"\x12\x20\x01\x23\x45\x67" + CIPHER
    assert gcm.Sealed(TITLE, 0x20, COUNTER, CIPHER, b"") == _taken(frame)
    assert gcm.Opened(PLAIN, is_verified=False) == gcm.Lock(KEY, AUTH_KEY).open(_taken(frame))


@pytest.mark.parametrize(
    ("key", "auth_key"),
    [(KEY, KEY), (AUTH_KEY, AUTH_KEY), (AUTH_KEY, KEY)],
    ids=["authentication key", "key", "both the wrong way round"],
)
def test_a_wrong_key_is_refused_by_the_tag(key: bytes, auth_key: bytes) -> None:
    shut = gcm.Lock(key, auth_key).open(_taken())
    assert isinstance(shut, gcm.Shut)
    assert shut.kind == "tag"


def test_every_flipped_bit_behind_the_length_is_refused() -> None:
    lock = gcm.Lock(KEY, AUTH_KEY)
    begin = (gcm.LENGTH_AT + 1) * 8
    for bit in [*range(2 * 8, begin - 8), *range(begin, len(FRAME) * 8)]:
        sealed = gcm.take_apart(_changed(FRAME, bit))
        opened = lock.open(sealed) if isinstance(sealed, gcm.Sealed) else sealed
        # The control byte may have become that of a frame without a tag: then nothing is vouched.
        assert isinstance(opened, gcm.Shut) or not opened.is_verified
        assert isinstance(opened, gcm.Shut) or bit // 8 == gcm.LENGTH_AT + 1


@pytest.mark.parametrize("counter", [COUNTER, COUNTER - 1, 0])
def test_a_counter_that_does_not_rise_is_a_replay_once_another_was_accepted(counter: int) -> None:
    lock = gcm.Lock(KEY)
    sealed = _taken()._replace(counter=counter)
    assert isinstance(lock.open(sealed), gcm.Opened)  # nothing is remembered before
    lock.accept(_taken())

    shut = lock.open(sealed)
    assert isinstance(shut, gcm.Shut)
    assert shut.kind == "replay"
    assert isinstance(lock.open(_taken()._replace(counter=COUNTER + 1)), gcm.Opened)


def test_each_title_has_a_counter_of_its_own() -> None:
    lock = gcm.Lock(KEY)
    lock.accept(_taken())

    assert isinstance(lock.open(_taken()._replace(title=b"ANOTHER1", counter=1)), gcm.Opened)


def test_what_is_remembered_is_bounded_and_the_newest_title_is_kept() -> None:
    lock = gcm.Lock(KEY)
    for number in range(gcm.TITLES_MAX + 1):
        lock.accept(_taken()._replace(title=number.to_bytes(8, "big")))

    assert gcm.TITLES_MAX == len(lock._highest)
    assert isinstance(lock.open(_taken()._replace(title=bytes(8))), gcm.Opened)
    assert isinstance(
        lock.open(_taken()._replace(title=gcm.TITLES_MAX.to_bytes(8, "big"))), gcm.Shut
    )


@settings(max_examples=40, deadline=None)
@given(
    text=st.binary(min_size=1, max_size=300),
    title=st.binary(min_size=8, max_size=8),
    counter=st.integers(0, 2**32 - 1),
    key=st.binary(min_size=16, max_size=16),
    auth_key=st.binary(min_size=16, max_size=16),
)
def test_what_a_peer_encrypts_is_opened_and_verified(
    text: bytes, title: bytes, counter: int, key: bytes, auth_key: bytes
) -> None:
    control = SecurityControlField(security_suite=0, authenticated=True, encrypted=True)
    given_as = {
        "security_control": control,
        "system_title": title,
        "invocation_counter": counter,
        "key": key,
        "auth_key": auth_key,
    }
    cipher = encrypt(plain_text=text, **given_as)
    assert text == decrypt(cipher_text=cipher, **given_as)
    body = b"\x30" + counter.to_bytes(4, "big") + cipher
    frame = b"\xdb\x08" + title + b"\x82" + len(body).to_bytes(2, "big") + body

    assert len(frame) == gcm.length(frame, bytes_max=len(frame))
    assert gcm.Opened(text, is_verified=True) == gcm.Lock(key, auth_key).open(_taken(frame))


@pytest.mark.parametrize(
    ("size", "length"),
    [
        ("1e", 41),
        ("811e", 42),
        ("82001e", 43),
        ("820123", 304),
        ("8203e3", 1008),
        ("05", -1),  # control and counter alone
        ("00", -1),
        ("80", -1),  # a length that is told nowhere
        ("83000123", -1),
        ("820ffe", -1),  # longer than allowed here
    ],
)
def test_a_frame_says_its_length(size: str, length: int) -> None:
    head = b"\xdb\x08" + TITLE + bytes.fromhex(size)
    assert length == gcm.length(head, bytes_max=1024)
    assert length == gcm.length(b"before" + head, 6, bytes_max=1024)


def test_a_length_is_unknown_until_all_of_it_is_there() -> None:
    head = b"\xdb\x08" + TITLE + b"\x82\x01\x23"
    for there in range(1, len(head)):
        assert 0 == gcm.length(head[:there], bytes_max=1024)
    assert -1 == gcm.length(b"\xdb\x07" + TITLE + b"\x82\x01\x23", bytes_max=1024)
    assert -1 == gcm.length(b"\xdc", bytes_max=1024)


@pytest.mark.parametrize("control", [0x00, 0x10, 0x40, 0xB0, 0x32, 0xFF])
def test_a_security_control_that_nobody_uses_is_refused(control: int) -> None:
    frame = FRAME[: gcm.LENGTH_AT + 1] + bytes([control]) + FRAME[gcm.LENGTH_AT + 2 :]
    shut = gcm.take_apart(frame)
    assert isinstance(shut, gcm.Shut)
    assert shut.kind == "cipher"


def test_a_frame_without_text_is_refused() -> None:
    frame = b"\xdb\x08" + TITLE + b"\x11\x30\x01\x23\x45\x67" + TAG
    assert isinstance(gcm.take_apart(frame), gcm.Shut)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("000102030405060708090A0B0C0D0E0F", KEY),
        ("00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f", KEY),
        (" 00010203-04050607-08090A0B-0C0D0E0F\n", KEY),
        ("", None),
        ("000102030405060708090A0B0C0D0E", None),
        ("30000102030405060708090A0B0C0D0E0F", None),
        ("000102030405060708090A0B0C0D0E0G", None),
    ],
)
def test_a_key_is_32_hex_digits_with_or_without_marks_between_them(
    text: str, key: bytes | None
) -> None:
    assert key == gcm.key_of(text)


@pytest.mark.skipif(
    not CAPTURES.is_dir(), reason=f"the captures of real meters are not there: {CAPTURES}"
)
def test_what_a_real_meter_sent_is_verified_with_its_keys_and_refused_with_others() -> None:
    name = "hdlc_kamstrup_omnipower"
    wire = bytes.fromhex((CAPTURES / f"{name}.log").read_text("ascii").replace(":", " "))
    key, auth_key = (
        gcm.key_of((CAPTURES / f"{name}.{end}").read_text("ascii")) for end in ("key", "gak")
    )
    assert key
    assert auth_key
    begin = wire.index(b"\xdb\x08")
    # A head of 13 bytes and the 0x1D0 that it says.
    assert 477 == gcm.length(wire, begin, bytes_max=len(wire))
    sealed = _taken(wire[begin : begin + 477])
    assert (b"KAME\x01\x34\x90\x83", 0x30, 0x010F60A4) == sealed[:3]

    opened = gcm.Lock(key, auth_key).open(sealed)
    assert isinstance(opened, gcm.Opened)
    assert opened.is_verified
    # A data notification, and the date 12 March 2026 in it.
    assert opened.text.startswith(bytes.fromhex("0f000000000c07ea030c04"))
    wrong = gcm.Lock(key, key).open(sealed)
    assert isinstance(wrong, gcm.Shut)
    assert wrong.kind == "tag"
