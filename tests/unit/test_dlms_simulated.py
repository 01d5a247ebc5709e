"""The simulated meters as another reader of DLMS reads them: dlms-cosem, where it can."""

import datetime as dt

import pytest
from dlms_cosem import utils
from dlms_cosem.hdlc.frames import UnnumberedInformationFrame
from dlms_cosem.protocol import xdlms
from dlms_cosem.protocol.xdlms.data_notification import DataNotification
from dlms_cosem.security import SecurityControlField, decrypt

from drivers import dlms
from drivers.reading import Message
from firmware_sim import cosem
from firmware_sim.devices.dlms import MAKERS, SIMULATOR

NOON_MS = 1_782_036_000_000  # 2026-06-21 10:00 UTC
DAY_MS = 86_400_000


def _said(variant, at_ms=NOON_MS):
    """What a meter says at this time, and what it meant."""
    meter = SIMULATOR.begin(variant, SIMULATOR.source(7), 7, at_ms)
    return meter.ticks(at_ms), meter.truth()


def _flat(value):
    """Every number and text of a list, in its order."""
    if isinstance(value, list):
        return [one for item in value for one in _flat(item)]
    return [value]


def _theirs(apdu, truth):
    """The numbers of a notification, as the peer reads it, but for scalers and units."""
    for written in truth.values():  # it knows no visible strings
        if isinstance(written, str):
            text = cosem.text(written)
            apdu = apdu.replace(text, b"\x09" + text[1:])
    # Nor a moment with a type, which Kaifa has.
    apdu = apdu.replace(b"\x0f\x40\0\0\0\x09\x0c", b"\x0f\x40\0\0\0\x0c")
    body = utils.parse_as_dlms_data(DataNotification.from_bytes(apdu).body)
    if isinstance(body[0], list) and len(body[0]) == len(body):  # what is pushed
        body = body[1:]
    return [n for n in _flat(body) if type(n) is int and n not in SCALERS_AND_UNITS]


def _ours(truth, steps):
    """What stands on the wire for each number of the truth."""
    kinds = {"31": "A", "51": "A", "71": "A", "32": "V", "52": "V", "72": "V"}
    told = []
    for register, value in truth.items():
        if isinstance(value, int):
            quantity, kind, _ = register.split(":")[1].split(".")
            step = steps.get("Wh" if kind == "8" else kinds.get(quantity, "W"), 1000)
            told.append(value // step)
    return [n for n in told if n not in SCALERS_AND_UNITS]


SCALERS_AND_UNITS = {-3, -2, -1, 0, 1, 27, 29, 30, 32, 33, 35, 255}
STEPS = {
    "Aidon": {"A": 100, "V": 100, "Wh": 10_000},
    "Kaifa": {"A": 1, "V": 100},
    "Kamstrup, encrypted": {"A": 10},
    "Kamstrup in steps of 10 Wh": {"A": 10, "Wh": 10_000},
    "Landis+Gyr, encrypted in blocks": {},
    "Landis+Gyr with a push list": {"A": 10},
    "Iskra in segments": {"A": 10, "V": 100},
    "Netz NÖ over M-Bus": {"A": 10, "V": 100},
}


@pytest.mark.parametrize("variant", MAKERS)
def test_a_simulated_meter_sends_the_numbers_that_dlms_cosem_reads(variant) -> None:
    apdu, truth = MAKERS[variant].tell(SIMULATOR.source(7)(NOON_MS), NOON_MS)

    ours = _ours(truth, STEPS[variant])
    assert sorted(_theirs(apdu, truth)) == sorted(ours)
    assert len(ours) > 5


def test_an_encrypted_push_is_opened_by_dlms_cosem() -> None:
    stream, truth = _said("Kamstrup, encrypted")
    sealed = xdlms.GeneralGlobalCipher.from_bytes(stream[stream.index(cosem.LLC) + 3 : -3])
    plain = decrypt(
        SecurityControlField(0, authenticated=True, encrypted=True),
        sealed.system_title,
        sealed.invocation_counter,
        cosem.KEY,
        sealed.ciphered_text,
        cosem.AUTH_KEY,
    )

    assert sorted(_theirs(bytes(plain), truth)) == sorted(_ours(truth, {"A": 10}))


def test_a_frame_of_a_simulated_meter_is_one_for_dlms_cosem() -> None:
    """Of addresses it takes what the meters have, a client's of one byte and a server's."""
    information = cosem.LLC + b"\x0f\x00"
    frame = cosem.hdlc(information, to=b"\x21", of=b"\x02\x23")

    assert UnnumberedInformationFrame.from_bytes(frame).payload == information


@pytest.mark.parametrize("variant", MAKERS)
def test_the_meters_own_time_is_right_through_a_year_with_both_changes(variant) -> None:
    interval_ms = MAKERS[variant].interval_ms
    first_ms = 1_767_225_600_000  # 2026-01-01 UTC
    hour_ms = 3_600_000
    changes = [1_774_746_000_000 - hour_ms, 1_792_890_000_000 - hour_ms]  # an hour before both
    times = [first_ms + day * 9 * DAY_MS for day in range(41)]
    times += [begin + n * hour_ms // 2 for begin in changes for n in range(8)]
    meter = SIMULATOR.begin(variant, SIMULATOR.source(3), 3, first_ms)
    session = dlms.DEVICE.open(SIMULATOR.variants[variant])
    told = 0
    for at_ms in sorted(set(times)):
        due_ms = at_ms - at_ms % max(interval_ms, 10_000)
        for message in session.feed(meter.telegram(due_ms)):
            assert isinstance(message, Message)
            stamps = {reading.at_ms for reading in message.readings}
            if stamps == {None}:  # in the hour that comes twice a clock without a flag says nothing
                local = dt.datetime.fromtimestamp(due_ms / 1000, cosem.ZONE)
                assert (local.month, local.day, local.hour) == (10, 25, 2)
            else:
                assert stamps == {due_ms}
            told += 1
    assert told == len(set(times))
