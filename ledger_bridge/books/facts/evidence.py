"""What records say, as facts: counters at a time, and `waste`. Pure, and the same for verify."""

import re
from typing import NamedTuple

from gateway.contract.record import QUARTER, Record, milli
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts.waste import Fact, waste_fact
from ledger_bridge.books.facts.when import measured_ms

# More than any counter has digits for, in thousandths: a thousand GWh, ten thousand million m3.
_COUNT_MAX = 10**16

# OBIS value group A of electricity, which is counted in Wh or in the pulses of a contact.
ELECTRICITY = "1-"
_ELECTRIC_UNITS = {"Wh", "pulse"}

# Registers that count up for life, by their SenML unit; all others are for charts only.
COUNTER_UNITS = {"Wh", "l", "J", "pulse"}

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


class Facts(NamedTuple):
    """What a record says: counters, or what happened at a recycling point."""

    counters: list[Counter]
    waste: list[Fact]


NOTHING = Facts([], [])


def _freshness(count: Counter) -> tuple[bool, int, int]:
    """Which of several counts of one meter is the newest: the greatest of these.

    A channel that a meter has left may stay listed with an old stamp, or with none: then the
    gateway gave it its own time, with a doubt.
    """
    return METER_CLOCK not in count.doubt, count.at_ms, count.value


def _counters(record: Record) -> list[Counter]:
    _, gateway, chain, seq, *_, made = record.identity
    found: dict[tuple[str, str, str, int], Counter] = {}
    behind: dict[tuple[str, str, str], Counter] = {}
    t, at_ms = None, None
    for e in record.elements:
        if e.u not in COUNTER_UNITS or not e.v:
            continue
        if e.t != t:  # most elements of a telegram share their time
            t, at_ms = e.t, measured_ms(made, e.t)
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
                gateway,
                device,
                register,
                e.serial,
                at_ms,
                chain,
                seq,
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


def facts(record: Record) -> Facts:
    """What a record says; nothing for kinds that are not evidence of anything.

    A record that is validly signed but says something we cannot read gives no facts: it stays
    stored, and a newer program may understand it.
    """
    try:
        if record.typ == QUARTER:
            return _new(Facts, (_counters(record), []))
        fact = waste_fact(record)
    except Malformed:
        return NOTHING
    return Facts([], [fact]) if fact else NOTHING
