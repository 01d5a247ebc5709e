"""What records say, as facts: counters at a time, and deposits. Pure, and the same for verify."""

import re
from typing import NamedTuple

import msgspec

from gateway.contract.record import DEPOSIT, QUARTER, Element, Record, milli
from gateway.contract.signed import Malformed

# SenML times below 2**28 seconds are relative (RFC 8428 section 4.5.3).
_ABSOLUTE_MS = 2**28 * 1000

# Later than anything that is measured: 2100-01-01T00:00:00Z.
_LAST_MS = 4_102_444_800_000

# More than any counter has digits for, in thousandths: a thousand GWh, ten thousand million m3.
_COUNT_MAX = 10**16

# OBIS value group A of electricity, which is counted in Wh or in the pulses of a contact.
ELECTRICITY = "1-"
_ELECTRIC_UNITS = {"Wh", "pulse"}

# Registers that count up for life, by their SenML unit; all others are for charts only.
_COUNTER_UNITS = {"Wh", "l", "J", "pulse"}

# The doubt of a gateway that gave a count its own time: the meter's cannot be believed.
METER_CLOCK = "meter-clock"

# The register of a meter on an M-Bus channel, `0-2:24.2.1`, and how it is called on any channel.
_CHANNEL = re.compile(r"0-[1-9][0-9]*:(.*)")
_ANY_CHANNEL = "0-n:"

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Counter(NamedTuple):
    """A counter at a time. `value` is in thousandths of `unit` (whole pulses for pulse).

    A meter with a serial number is the same meter on whatever M-Bus channel it hangs: its register
    is `0-n:24.2.1`. `made_ms` is the gateway's clock when it made the record.
    """

    gateway: str
    device: str
    register: str
    serial: str
    at_ms: int
    chain: str
    seq: int
    value: int
    unit: str
    made_ms: int
    doubt: str


class Deposit(NamedTuple):
    """A weighing of one fraction by whoever holds `card` (a keyed hash, "" for no card)."""

    gateway: str
    chain: str
    seq: int
    id: str
    at_ms: int
    card: str
    fraction: str
    net_mg: int


Facts = tuple[list[Counter], list[Deposit]]
NOTHING: Facts = ([], [])


def _time_ms(base: int | None, raw: msgspec.Raw) -> int | None:
    """When it was measured, None where that cannot be known or be true."""
    at = (base or 0) + (milli(raw) if raw else 0)
    return at if _ABSOLUTE_MS <= at < _LAST_MS else None


def _freshness(count: Counter) -> tuple[bool, int, int]:
    """Which of several counts of one meter is the newest: the greatest of these.

    A channel that a meter has left may stay listed with an old stamp, or with none: then the
    gateway gave it its own time, with a doubt.
    """
    return METER_CLOCK not in count.doubt, count.at_ms, count.value


def _counters(record: Record) -> list[Counter]:
    who = record.identity
    made = who.made_ms
    found: dict[tuple[str, str, str, int], Counter] = {}
    behind: dict[tuple[str, str, str], Counter] = {}
    last: tuple[bytes, int | None] = (b"?", None)
    for e in record.elements:
        if e.u not in _COUNTER_UNITS or not e.v:
            continue
        if bytes(e.t) != last[0]:  # most elements of a telegram share their time
            last = (bytes(e.t), _time_ms(made, e.t))
        at_ms = last[1]
        device, slash, register = e.n.partition("/")
        if not slash or at_ms is None:
            continue
        value = milli(e.v)
        if not 0 <= value < _COUNT_MAX:
            continue
        if register.startswith(ELECTRICITY) and e.u not in _ELECTRIC_UNITS:
            continue
        channel = _CHANNEL.fullmatch(register) if e.serial and register[:2] == "0-" else None
        if channel:
            register = _ANY_CHANNEL + channel[1]
        elif (key := (device, register, e.serial, at_ms)) in found:
            continue  # of two counts under one name at one time the first is meant
        count = _new(
            Counter,
            (
                who.gateway,
                device,
                register,
                e.serial,
                at_ms,
                who.chain,
                who.seq,
                value // 1000 if e.u == "pulse" else value,
                e.u,
                at_ms if made is None else made,
                e.doubt,
            ),
        )
        if channel:
            meter = (device, register, e.serial)
            behind[meter] = max(behind.get(meter, count), count, key=_freshness)
        else:
            found[key] = count
    return [*found.values(), *behind.values()]


def _deposits(record: Record) -> list[Deposit]:
    who = record.identity
    words: dict[str, Element] = {e.n.partition("/")[2]: e for e in record.elements}
    try:
        net = words["net"]
        at_ms = _time_ms(who.made_ms, net.t)
        if at_ms is None or net.u != "g" or not words["deposit"].vs:
            return []
        return [
            Deposit(
                gateway=who.gateway,
                chain=who.chain,
                seq=who.seq,
                id=words["deposit"].vs,
                at_ms=at_ms,
                card=words["card"].vs,
                fraction=words["fraction"].vs,
                net_mg=milli(net.v),
            )
        ]
    except KeyError:
        return []


def facts(record: Record) -> Facts:
    """Counters and deposits in a record; nothing for kinds that are not evidence of either.

    A record that is validly signed but says something we cannot read gives no facts: it stays
    stored, and a newer program may understand it.
    """
    try:
        if record.typ == QUARTER:
            return _counters(record), []
        if record.typ == DEPOSIT:
            return [], _deposits(record)
    except Malformed:
        return NOTHING
    return NOTHING
