"""What a meter pushes, opened where it is encrypted, into readings.

Spec: IEC 62056-5-3:2017, §7.3.13 (data notification). Reference: drivers/wire/gcm.py opens,
drivers/wire/push_styles.py and push_values.py read the list inside.
"""

from collections.abc import Sequence
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire import axdr, gcm, moments, push_shapes, push_styles, push_values
from drivers.wire.axdr import Broken
from drivers.wire.moments import Moment
from drivers.wire.push_shapes import Shape

DATA_NOTIFICATION, CIPHERED = 0x0F, 0xDB
_DATA_NOTIFICATION, _CIPHERED = bytes((DATA_NOTIFICATION,)), bytes((CIPHERED,))
_INVOKE_BYTES = 4
_TAGGED_MOMENT = bytes((axdr.OCTETS, moments.OCTETS))
# Clocks that show winter time all the year, and say 0 for a deviation that they do not know.
_WINTER = ("Kamstrup", "AIDON", "EMBRIQ")

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Reader(NamedTuple):
    """How to read: what opens encrypted telegrams, if there is a key, and what a Kamstrup meter
    counts in, for it does not say; and the shapes of what was read, by their lengths."""

    lock: gcm.Lock | None
    energy_step_wh: int
    shapes: dict[int, Shape]


class Push(NamedTuple):
    """What a telegram says."""

    readings: tuple[Reading, ...] = ()
    faults: tuple[Fault, ...] = ()


# Readings, and the kinds of faults with what was seen.
_Said = tuple[tuple[Reading, ...], Sequence[tuple[str, str]]]


class _Unread(Exception):
    """Why a telegram says nothing: the kind of the fault, and what was seen."""


def read(apdu: bytes, reader: Reader, doubt: str, offset: int, length: int) -> Push:
    """The readings of a telegram; `offset` and `length` are its own in the stream, for the faults.

    `doubt` is that of a telegram that is not encrypted. What is less than a milli-unit is cut off
    downwards.
    """
    shape = reader.shapes.get(len(apdu))
    if shape and (readings := shape.read(apdu, doubt)):
        return _new(Push, (readings, ()))
    try:
        if apdu[:1] != _CIPHERED:
            readings, troubles = _notification(apdu, reader, doubt)
        else:
            readings, troubles = _ciphered(apdu, reader)
    except _Unread as unread:
        kind, what = unread.args
        return Push(faults=(Fault(kind, offset, length, what),))
    faults = tuple(Fault(kind, offset, length, what) for kind, what in troubles)
    return _new(Push, (readings, faults))


def _ciphered(apdu: bytes, reader: Reader) -> _Said:
    """What an encrypted telegram says."""
    lock = reader.lock
    if lock is None:
        what = "nothing is set for `key`; the grid operator gives the key"
        raise _Unread("encrypted", what)
    if gcm.length(apdu, bytes_max=len(apdu)) != len(apdu):
        raise _Unread("cipher", f"{len(apdu)} bytes of another length than they say")
    sealed = gcm.take_apart(apdu)
    if isinstance(sealed, gcm.Shut):
        raise _Unread(sealed.kind, sealed.detail)
    opened = lock.open(sealed)
    if isinstance(opened, gcm.Shut):
        raise _Unread(opened.kind, opened.detail)
    if opened.is_verified:
        lock.accept(sealed)
        return _notification(opened.text, reader, "")
    try:
        said = _notification(opened.text, reader, "unverified")
    except _Unread as unread:
        what = f"opens to what is no data, so the key may be another's: {unread.args[1]}"
        raise _Unread("key", what) from None
    lock.accept(sealed)
    return said


def _notification(apdu: bytes, reader: Reader, doubt: str) -> _Said:
    """What a notification says: by the shape of one before it, or else by what is in it."""
    shape = reader.shapes.get(len(apdu))
    readings = shape.read(apdu, doubt) if shape else ()
    if readings:
        return readings, ()
    try:
        if apdu[:1] != _DATA_NOTIFICATION:
            raise Broken(f"no data notification: {apdu[:8].hex()}")
        sent, at = _sent(apdu)
        heard = push_styles.hear(apdu, at)
    except Broken as broken:
        raise _Unread("object", str(broken)) from None
    if heard.bare:
        push_values.resolve(heard, reader.energy_step_wh)
    moment, is_winter = heard.clock or sent, heard.version.startswith(_WINTER)
    at_ms = moment.at_ms(is_winter=is_winter) if moment else None
    serials = {channel: serial for channel, (_, serial) in heard.serials.items()}
    own = serials.pop(0, "")
    readings = tuple(
        Reading(
            f.register,
            value,
            f.unit,
            at_ms,
            serials.get(f.channel, "") if f.channel else own,
            doubt=doubt,
        )
        for f, value in heard.said
    )
    sent_at = at - moments.OCTETS if sent else 0
    if push_shapes.is_fit(apdu, heard, sent_at):
        push_shapes.keep(reader.shapes, len(apdu), Shape(apdu, heard, sent_at, readings))
    if not readings and not heard.troubles:
        return (), (("empty", "a list without values"),)
    return readings, heard.troubles


def _sent(apdu: bytes) -> tuple[Moment | None, int]:
    """When it was sent, if it says so, and where the list begins. Kaifa writes a type before the
    length of the moment, where none belongs."""
    at = 1 + _INVOKE_BYTES
    size = apdu[at] if at < len(apdu) else 0xFF
    if not size:
        return None, at + 1
    at += 2 if apdu.startswith(_TAGGED_MOMENT, at) else 1
    end = at + moments.OCTETS
    if size not in _TAGGED_MOMENT or len(apdu) < end:
        raise Broken(f"no date and time at {apdu[5:19].hex()}")
    return moments.moment(apdu[at:end]), end
