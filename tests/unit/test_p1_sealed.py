"""P1 telegrams in a cipher: opened, believed as far as somebody vouches for them, never twice.

The frames are made by dlms-cosem 21.3.2, with keys of our own.
"""

import json
from pathlib import Path

import pytest
from dlms_cosem.security import SecurityControlField, encrypt

from drivers import p1
from drivers.reading import Fault, Message, Reading
from drivers.sdk import SettingError
from drivers.wire import crc
from gateway.tools.decode import decode

KEY = "000102030405060708090A0B0C0D0E0F"
AUTH_KEY = "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF"
OTHER_KEY = "101112131415161718191A1B1C1D1E1F"
TITLE = b"MKT\x67\x70\x01\xbd\x54"
STAMP_MS = 1782900010000  # 2026-07-01 12:00:10 summer time
BOTH = {"key": KEY, "auth_key": AUTH_KEY}


def _plain(counted: str = "000004.426", *more: str, summed: bool = True) -> bytes:
    lines = [
        "/MKT5\\SEALED",
        "",
        "0-0:1.0.0(260701120010S)",
        "0-0:96.1.1(454C)",
        f"1-0:1.8.0({counted}*kWh)",
        "1-0:2.8.0(000002.444*kWh)",
        "1-0:1.7.0(00.244*kW)",
        "1-0:32.7.0(230.1*V)",
        *more,
        "!",
    ]
    body = "\r\n".join(lines).encode("ascii")
    return body + (b"%04X\r\n" % crc.arc(body) if summed else b"\r\n")


def _sealed(text: bytes, counter: int, *, title: bytes = TITLE, is_tagged: bool = True) -> bytes:
    control = SecurityControlField(security_suite=0, authenticated=is_tagged, encrypted=True)
    cipher = encrypt(
        security_control=control,
        system_title=title,
        invocation_counter=counter,
        key=bytes.fromhex(KEY),
        plain_text=text,
        auth_key=bytes.fromhex(AUTH_KEY),
    )
    # The peer puts a tag behind the text where the control byte says that there is none.
    cipher = cipher if is_tagged else cipher[:-12]
    body = control.to_bytes() + counter.to_bytes(4, "big") + cipher
    return b"\xdb\x08" + title + b"\x82" + len(body).to_bytes(2, "big") + body


def _read(settings: dict[str, str], *chunks: bytes) -> list[Message]:
    session = p1.DEVICE.open(settings)
    steps = [step for chunk in chunks for step in session.feed(chunk)] + session.timeout()
    return [step for step in steps if isinstance(step, Message)]


def _imported(message: Message) -> list[tuple[int | str, str]]:
    return [(r.value, r.doubt) for r in message.readings if r.register == "1-0:1.8.0"]


def _kinds(*messages: Message) -> list[str]:
    return [fault.kind for message in messages for fault in message.faults]


FRAME = _sealed(_plain(), 7)


def test_a_frame_with_both_keys_known_is_read_without_doubt() -> None:
    (message,) = _read(BOTH, FRAME)

    assert Reading("1-0:1.8.0", 4_426_000, "mWh", STAMP_MS, "EL") in message.readings
    assert len(message.readings) == 6
    assert message.faults == ()
    assert {reading.doubt for reading in message.readings} == {""}


def test_the_evidence_is_the_frame_as_it_was_on_the_wire() -> None:
    (message,) = _read(BOTH, FRAME)

    assert (0, FRAME) == (message.offset, message.raw)


def test_a_tag_that_nobody_can_check_leaves_readings_unverified() -> None:
    (message,) = _read({"key": KEY}, FRAME)

    assert [(4_426_000, "unverified")] == _imported(message)
    assert {reading.doubt for reading in message.readings} == {"unverified"}


def test_a_frame_without_tag_is_unverified_whatever_keys_are_known() -> None:
    (message,) = _read(BOTH, _sealed(_plain(), 7, is_tagged=False))

    assert [(4_426_000, "unverified")] == _imported(message)


def test_a_right_tag_vouches_for_a_telegram_that_has_no_checksum() -> None:
    (message,) = _read(BOTH, _sealed(_plain(summed=False), 7))

    assert [(4_426_000, "")] == _imported(message)


def test_where_neither_tag_nor_checksum_vouches_readings_are_unchecked() -> None:
    (message,) = _read({"key": KEY}, _sealed(_plain(summed=False), 7))

    assert [(4_426_000, "unchecked")] == _imported(message)


def test_a_wrong_checksum_inside_is_refused_even_behind_a_right_tag() -> None:
    damaged = _plain().replace(b"4.426", b"5.426")
    (message,) = _read(BOTH, _sealed(damaged, 7))

    assert message.readings == ()
    assert ["checksum"] == _kinds(message)


def test_a_flipped_bit_is_refused_by_the_tag_or_by_the_checksum() -> None:
    damaged = bytearray(FRAME)
    damaged[100] ^= 1
    assert ["tag"] == _kinds(*_read(BOTH, bytes(damaged)))
    assert ["checksum"] == _kinds(*_read({"key": KEY}, bytes(damaged)))


def test_a_broken_object_is_a_fault_at_its_place_in_the_cipher_and_the_rest_lives() -> None:
    text = _plain("000004.426", "1-0:9.7.0(odd)")
    (message,) = _read(BOTH, b"\r\n" + _sealed(text, 7))

    assert [(4_426_000, "")] == _imported(message)
    # Two bytes before the frame, and 18 of its head.
    place = 2 + 18 + text.index(b"1-0:9.7.0")
    assert [("object", place)] == [fault[:2] for fault in message.faults]


def test_without_a_key_a_frame_is_one_fault_that_names_the_setting() -> None:
    (message,) = _read({}, FRAME)

    what = "in a cipher: the setting key is missing"
    assert (Fault("encrypted", 0, len(FRAME), what),) == message.faults
    assert message.readings == ()


def test_another_key_opens_nothing() -> None:
    (message,) = _read({"key": OTHER_KEY}, FRAME)
    assert ["cipher"] == _kinds(message)

    (message,) = _read({"key": OTHER_KEY, "auth_key": AUTH_KEY}, FRAME)
    assert ["tag"] == _kinds(message)


def test_another_authentication_key_refuses_every_frame() -> None:
    (message,) = _read({"key": KEY, "auth_key": OTHER_KEY}, FRAME)

    assert message.readings == ()
    assert ["tag"] == _kinds(message)


@pytest.mark.parametrize("settings", [BOTH, {"key": KEY}], ids=["verified", "unverified"])
@pytest.mark.parametrize("counter", [7, 6], ids=["the same", "an older one"])
def test_a_counter_that_does_not_rise_is_a_replay(settings: dict[str, str], counter: int) -> None:
    first, second = _read(settings, FRAME, _sealed(_plain("000004.427"), counter))

    assert len(_imported(first)) == 1
    assert second.readings == ()
    assert ["replay"] == _kinds(second)


def test_a_counter_that_rises_is_read_on_and_another_meter_counts_for_itself() -> None:
    later = _sealed(_plain("000004.427"), 9)
    other = _sealed(_plain("000001.000"), 3, title=b"MKT\x67\x00\x00\x00\x01")

    assert [4_426_000, 4_427_000, 1_000_000] == [
        value for message in _read(BOTH, FRAME, later, other) for value, _ in _imported(message)
    ]


def test_a_refused_frame_does_not_raise_the_counter() -> None:
    damaged = bytearray(_sealed(_plain("000009.999"), 1_000_000))
    damaged[-30] ^= 0x10
    for settings in (BOTH, {"key": KEY}):
        refused, good = _read(settings, bytes(damaged), FRAME)

        assert refused.readings == ()
        assert len(_imported(good)) == 1


def test_plain_and_sealed_telegrams_may_alternate() -> None:
    stream = _plain("000001.000") + FRAME + _plain("000003.000") + _sealed(_plain(), 8)
    told = _read(BOTH, stream)

    assert [1_000_000, 4_426_000, 3_000_000, 4_426_000] == [
        value for message in told for value, _ in _imported(message)
    ]
    assert [] == _kinds(*told)
    assert stream == b"".join(message.raw for message in told)


def test_a_plain_telegram_cut_off_by_a_sealed_one_loses_only_itself() -> None:
    cut, good = _read(BOTH, _plain()[:60] + FRAME)

    assert ["cut"] == _kinds(cut)
    assert len(_imported(good)) == 1


@pytest.mark.parametrize("follows", [_sealed(_plain(), 8), _plain()], ids=["sealed", "plain"])
@pytest.mark.parametrize("missing", [1, 2, 5, 12, 100, len(FRAME) - 14, len(FRAME) - 1])
def test_a_sealed_telegram_that_was_cut_off_loses_only_itself(missing: int, follows: bytes) -> None:
    stream = FRAME[:-missing] + follows
    for size in (1, 7, len(stream)):
        *cut, good = _read(BOTH, *(stream[n : n + size] for n in range(0, len(stream), size)))

        assert good.raw == follows
        assert [(4_426_000, "")] == _imported(good)
        assert {"noise", "tag"} >= set(_kinds(*cut))
        assert [one for message in cut for one in message.readings] == []


def test_a_frame_that_is_never_finished_is_given_up_at_a_silence() -> None:
    session = p1.DEVICE.open(BOTH)
    assert session.feed(FRAME[:-1]) == []
    (noise,) = session.timeout()
    assert isinstance(noise, Message)
    assert ["noise"] == _kinds(noise)
    (message,) = session.feed(FRAME)
    assert isinstance(message, Message)
    assert len(_imported(message)) == 1


def test_a_telegram_of_eight_kilobytes_is_read() -> None:
    text = _plain(
        "000004.426", *(f"1-0:{c}.8.{e}(000001.000*kWh)" for c in range(1, 30) for e in range(9))
    )
    frame = _sealed(text, 7)
    assert 7_000 < len(frame) < 8_192
    (message,) = _read(BOTH, *(frame[n : n + 64] for n in range(0, len(frame), 64)))

    assert len(message.readings) == 6 + 29 * 9


def test_what_is_opened_and_is_no_telegram_is_refused() -> None:
    text = b"1-0:1.8.0(000001.000*kWh)\r\n" * 6 + b"!\r\n"
    (message,) = _read(BOTH, _sealed(text, 7))

    assert message.readings == ()
    assert ["cipher"] == _kinds(message)


def test_a_frame_shorter_than_any_telegram_is_noise() -> None:
    noise, good = _read(BOTH, _sealed(b"/MKT5\r\n\r\n1-0:1.8.0(1*kWh)\r\n!\r\n", 6) + FRAME)

    assert ["noise"] == _kinds(noise)
    assert len(_imported(good)) == 1


def test_the_command_decodes_a_frame_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "frame.hex"
    capture.write_text(FRAME.hex(" "), "ascii")

    assert 0 == decode("p1", str(capture), as_hex=True, key=KEY, as_json=True)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {
        "register": "1-0:1.8.0",
        "value": 4_426_000,
        "unit": "mWh",
        "at": "2026-07-01T10:00:10Z",
        "serial": "EL",
        "doubt": "unverified",
    } in said
    assert {"messages": 1, "faults": 0} == said[-1]

    assert 1 == decode("p1", str(capture), as_hex=True)
    assert "in a cipher: the setting key is missing" in capsys.readouterr().out


def test_a_stream_in_a_cipher_is_recognised_with_its_first_bytes() -> None:
    assert p1.DEVICE.recognise(b"\0\xff" + FRAME[:40])
    assert not p1.DEVICE.recognise(b"\xdb\x08 and then some text of no meter at all")


@pytest.mark.parametrize(
    "written", ["00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f", KEY.lower()]
)
def test_a_key_may_be_written_as_people_write_it(written: str) -> None:
    (message,) = _read({"key": written}, FRAME)

    assert len(_imported(message)) == 1


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"key": KEY[:-1]}, "key"),
        ({"key": "not hex"}, "key"),
        ({"key": KEY, "auth_key": "30" + AUTH_KEY}, "auth_key"),
        ({"auth_key": AUTH_KEY}, "auth_key"),
    ],
)
def test_a_key_that_cannot_work_is_refused_by_name_and_never_told(
    settings: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingError) as refused:
        p1.DEVICE.open(settings)

    assert refused.value.name == name
    assert settings[name] not in str(refused.value)
