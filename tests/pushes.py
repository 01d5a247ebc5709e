"""Pushes made for a test, and what the driver makes of them."""

from drivers import dlms
from drivers.reading import Message
from firmware_sim import cosem
from firmware_sim.cosem import code, structure

KEYS = {"key": cosem.KEY.hex(), "auth_key": cosem.AUTH_KEY.hex()}
NOON_MS = 1_782_036_000_000  # 2026-06-21 10:00 UTC, noon in central Europe
SENT = bytes.fromhex("07ea0615070c0000ffff8880")
TITLE = b"MKT\x00\x00\x00\x00\x01"


def scaler_unit(scaler, unit):
    return structure(bytes((15, scaler & 0xFF)), bytes((22, unit)))


def named(register, value, scaler=0, unit=27):
    return structure(code(register), value, scaler_unit(scaler, unit))


def notified(body, sent=SENT):
    return cosem.notification(7, sent, body)


def framed(apdu):
    return cosem.in_one(apdu, to=b"\x41", of=b"\x03")


def hear(stream, settings=None):
    session = dlms.DEVICE.open(settings or {})
    return [step for step in session.feed(stream) + session.timeout() if isinstance(step, Message)]


def values(body, sent=SENT):
    """What a list says, sent in a frame."""
    (message,) = hear(framed(notified(body, sent)))
    return [(r.register, r.value, r.unit) for r in message.readings]


def outline(messages):
    return [(len(m.readings), [fault.kind for fault in m.faults]) for m in messages]
