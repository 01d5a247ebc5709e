"""What a meter pushes, opened where it is encrypted, into readings.

Spec: IEC 62056-5-3:2017, §7.3.13 (data notification). Reference: drivers/wire/gcm.py opens,
drivers/wire/push_styles.py and push_values.py read the list inside.
"""

from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire import axdr, gcm, moments, push_styles, push_values
from drivers.wire.axdr import Broken
from drivers.wire.moments import Moment

DATA_NOTIFICATION, CIPHERED = 0x0F, 0xDB
_INVOKE_BYTES = 4
_TAGGED_MOMENT = bytes((axdr.OCTETS, moments.OCTETS))
# Clocks that show winter time all the year, and say 0 for a deviation that they do not know.
_WINTER = ("Kamstrup", "AIDON", "EMBRIQ")

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Reader(NamedTuple):
    """How to read: what opens encrypted telegrams, if there is a key, and what a Kamstrup meter
    counts in, for it does not say."""

    lock: gcm.Lock | None = None
    energy_step_wh: int = 1


class Push(NamedTuple):
    """What a telegram says."""

    readings: tuple[Reading, ...] = ()
    faults: tuple[Fault, ...] = ()


class _Unread(Exception):
    """Why a telegram says nothing: the kind of the fault, and what was seen."""


def read(apdu: bytes, reader: Reader, *, doubt: str, offset: int, length: int) -> Push:
    """The readings of a telegram; `offset` and `length` are its own in the stream, for the faults.

    `doubt` is that of a telegram that is not encrypted. What is less than a milli-unit is cut off
    downwards.
    """
    try:
        if apdu[:1] != bytes((CIPHERED,)):
            heard, sent = _notification(apdu, "object")
        else:
            heard, sent, doubt = _ciphered(apdu, reader.lock)
    except _Unread as unread:
        kind, what = unread.args
        return Push(faults=(Fault(kind, offset, length, what),))
    at_ms = _at_ms(heard, sent)
    if heard.bare:
        push_values.resolve(heard, reader.energy_step_wh)
    serials = {channel: serial for channel, (_, serial) in heard.serials.items()}
    own = serials.pop(0, "")
    readings = [
        _new(
            Reading,
            (f[0], value, f[1], at_ms, serials.get(f[2], "") if f[2] else own, None, doubt),
        )
        for f, value in heard.said
    ]
    faults = [Fault(kind, offset, length, what) for kind, what in heard.troubles]
    if not readings and not faults:
        faults = [Fault("empty", offset, length, "a list without values")]
    return Push(tuple(readings), tuple(faults))


def _ciphered(apdu: bytes, lock: gcm.Lock | None) -> tuple[push_values.Heard, Moment | None, str]:
    """What an encrypted telegram says, and the doubt about it."""
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
        return *_notification(opened.text, "object"), ""
    heard, sent = _notification(opened.text, "key")
    lock.accept(sealed)
    return heard, sent, "unverified"


def _notification(apdu: bytes, kind: str) -> tuple[push_values.Heard, Moment | None]:
    """What a notification says, and when it was sent; a fault of that kind where it is none."""
    try:
        if apdu[:1] != bytes((DATA_NOTIFICATION,)):
            raise Broken(f"no data notification: {apdu[:8].hex()}")
        sent, at = _sent(apdu)
        return push_styles.hear(apdu, at), sent
    except Broken as broken:
        hint = "opens to what is no data, so the key may be another's: " if kind == "key" else ""
        raise _Unread(kind, f"{hint}{broken}") from None


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


def _at_ms(heard: push_values.Heard, sent: Moment | None) -> int | None:
    """The meter's own time: what its clock shows, else when it was sent."""
    moment = heard.clock or sent
    if moment is None:
        return None
    is_winter = heard.version.startswith(_WINTER)
    if is_winter and not moment.deviation_min:
        moment = moment._replace(deviation_min=None)
    return moment.at_ms(is_winter=is_winter)
