"""The data a meter sends over M-Bus: the fixed header and the records after it, into readings.

Spec: EN 13757-3:2018, §6 (variable data structure, header of 12 bytes, mode 1: low byte first),
annex A (data types A to J).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from drivers.reading import COUNTS, UNITS, Fault, Reading
from drivers.wire import iec62056, mbus_header, mbus_value, mbus_vif
from drivers.wire.mbus_header import Meter
from drivers.wire.mbus_value import Trouble
from drivers.wire.mbus_vif import DATE, FLAGS, IDENTITY, NAMED, NUMBER, RAW, Quantity, Variant

_MORE_FOLLOWS, _FILL = 0x1F, 0x2F
_LAST = {0x0F, _MORE_FOLLOWS}  # what follows is the maker's own
_UNUSUAL = {0, _FILL} | _LAST
# Modes of encryption; old meters have a signature of their own in the place of the mode.
_ENCRYPTIONS = {2, 3, 4, 5, 7, 8, 9, 10, 13}
_BODY_AT = 7  # of a frame
_FUNCTIONS = ("", "max", "min", "error")
_KNOWN_UNITS = UNITS.keys() | COUNTS

# DIF with at most 10 DIFE, VIF with at most 10 VIFE: the highest bit says that another follows.
# A DIF that ends in F is none; those that are in use are looked at before.
_HEAD = re.compile(
    rb"(?![\x0f\x1f\x2f\x3f\x4f\x5f\x6f\x7f\x8f\x9f\xaf\xbf\xcf\xdf\xef\xff])[\x80-\xff]{0,10}[\x00-\x7f][\x80-\xff]{0,10}[\x00-\x7f]"
)
_CHAIN = re.compile(rb"[\x80-\xff]{0,10}[\x00-\x7f]")
_PRINTABLE = re.compile(rb"[\x20-\x7e\xa1-\xac\xae-\xff]+")

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Telegram(NamedTuple):
    """What a telegram says. `more` when the meter has another one for the next request."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...]
    more: bool = False


class _Field(NamedTuple):
    """What the head of a record says."""

    register: str
    own: str  # the register's name where its code is taken already
    unit: str  # of readings.UNITS or COUNTS, else ""
    storage: int
    is_plain: bool  # a number, as nearly every record is
    width: int
    coding: int
    multiplier: int
    divisor: int
    lowest: int  # of an integer, which stands for no value
    is_counter: bool
    form: int
    suffix: str  # what to write after a number that is kept as text
    trouble: str
    is_stamp: bool  # the time of everything of this storage


_Said = tuple[_Field, int | str]


class _Heard(NamedTuple):
    """A telegram's body, and what was heard of its records so far: the values, the time of each
    storage, the faults."""

    body: bytes
    meter: Meter
    offset: int  # of the frame in the stream
    said: list[_Said]
    times: dict[int, int]
    faults: list[Fault]


class _Broken(Exception):
    """The telegram cannot be followed any further."""


def read(ci: int, body: bytes, *, offset: int, length: int) -> Telegram:
    """The readings of a telegram's body, `offset` and `length` being the frame's, for faults.

    Values below the milli-unit are cut off downwards. Present values carry the meter's clock,
    older ones (`*1` and up) the time stored with them, if the telegram has one of type F or I.
    A telegram that cannot be followed to its end gives no reading, for its sum is of 8 bits only.
    """
    header = mbus_header.read(ci, body)
    if header is None:
        what = f"CI {ci:02X} with {len(body)} bytes; known are 72, 7A and 78"
        return Telegram((), (Fault("object", offset, length, what),))
    told, serial, meter, start, mode = header
    if mode in _ENCRYPTIONS and body[start : start + 2] != b"\x2f\x2f":
        what = f"encrypted (mode {mode}), which no wired meter known here does"
        return Telegram((), (Fault("key", offset, length, what),))
    heard = _Heard(body, meter, offset, [], {}, [])
    try:
        more = _records(heard, start)
    except _Broken as broken:
        return Telegram((), (Fault("object", offset, length, str(broken)),))
    said, times, faults = heard.said, heard.times, heard.faults
    now_ms = times.get(0)
    names = {name for name, _ in told}
    if len(names | {field[0] for field, _ in said}) < len(names) + len(said):
        said = _apart(said, names)
    time_of = times.get
    readings = [_new(Reading, (name, text, "", now_ms, serial, None, "")) for name, text in told]
    readings += [
        _new(Reading, (field[0], value, field[2], time_of(field[3]), serial, None, ""))
        for field, value in said
    ]
    return Telegram(tuple(readings), tuple(faults), more)


def _free(own: str, taken: set[str]) -> str:
    """A name that no register of the telegram has yet."""
    name, number = own, 1
    while name in taken:
        number += 1
        name = f"{own}#{number}"
    return name


def _apart(said: list[_Said], taken: set[str]) -> list[_Said]:
    """The same, each register but once: a second one is called by our own word for it."""
    apart: list[_Said] = []
    for field, value in said:
        one = field
        if one.register in taken:
            one = one._replace(register=_free(one.own, taken))
        taken.add(one.register)
        apart.append((one, value))
    return apart


def _records(heard: _Heard, at: int) -> bool:
    """Hears every record; gives whether more telegrams follow.

    Raises _Broken where a record does not tell where the next one begins.
    """
    body, meter = heard.body, heard.meter
    append, head_at, size = heard.said.append, _HEAD.match, len(body)
    while at < size:
        dif = body[at]
        if dif in _UNUSUAL:
            if dif == _FILL:
                at += 1
                continue
            if dif or not any(body[at:]):  # or filled up with zeros
                if dif and at + 1 < size:
                    append((_MAKER_FIELD, body[at + 1 :].hex()))
                return dif == _MORE_FOLLOWS
        head = head_at(body, at)
        if head is None:
            raise _Broken(f"no head of a record at {body[at : at + 12].hex()}")
        begin, at = at, head.end()
        field = _field(head[0], meter)
        if field.is_plain:
            data = body[at : at + field.width]
            at += field.width
            amount = _plain(field, data)
            if amount is not None and at <= size:
                append((field, amount))
                continue
            at = head.end()
        at = _unusual(heard, field, begin, at)
    return False


def _unusual(heard: _Heard, field: _Field, begin: int, at: int) -> int:
    """Hears a record that takes a closer look, its data at `at`; gives where it ends."""
    body = heard.body
    if field.form == NAMED:
        field, at = _named(body, begin, heard.meter)
    coding, width = field.coding, field.width
    if coding == mbus_value.VARIABLE:
        coding, width = _size(body, at)
        at += 1
    data = body[at : at + width]
    at += width
    if at > len(body):
        raise _Broken(f"a record of {width} bytes, of which {at - len(body)} are missing")
    value = _record(field, coding, data, heard.times)
    if isinstance(value, Trouble):
        what = f"{field.register}: {value.what}"
        offset = heard.offset + _BODY_AT + begin
        heard.faults.append(Fault(value.kind, offset, at - begin, what))
        return at
    if field.unit and type(value) is str:
        field = field._replace(unit="")
    heard.said.append((field, value))
    return at


def _plain(field: _Field, data: bytes) -> int | str | None:
    """What `_value` gives, sooner; None where there is anything to look at more closely."""
    coding, below = field.coding, field.divisor
    if coding == mbus_value.REAL:
        fraction = mbus_value.real(data) if len(data) == 4 else None
        if fraction is None:
            return None
        number, binary = fraction
        below *= binary
    elif coding < 8:
        number = int.from_bytes(data, "little", signed=True)
    else:
        digits = data[::-1].hex()
        if not digits.isdecimal():
            return None
        number = int(digits)
    if number < 0 and (field.is_counter or number == field.lowest):
        return None
    if not field.unit:
        return mbus_value.decimal(number * field.multiplier, below) + field.suffix
    amount = number * field.multiplier // below
    return amount if -iec62056.VALUE_MAX <= amount <= iec62056.VALUE_MAX else None


def _size(body: bytes, at: int) -> mbus_value.Size:
    told = mbus_value.size(body[at]) if at < len(body) else None
    if told is None:
        raise _Broken(f"no length of data that is known at {body[at : at + 4].hex()}")
    return told


def _record(field: _Field, coding: int, data: bytes, times: dict[int, int]) -> int | str | Trouble:
    """The value of a record; the time of everything of its storage is noted."""
    if field.trouble:
        return Trouble("placeholder", field.trouble)
    if not data and coding != mbus_value.VARIABLE:
        return Trouble("placeholder", "no data")
    if field.form != DATE:
        return _value(field, coding, data)
    if coding not in mbus_value.DATES:
        return Trouble("object", f"no date has coding {coding}: {data.hex()}")
    moment = mbus_value.moment(data)
    if isinstance(moment, Trouble):
        return moment
    if field.is_stamp and moment.at_ms is not None:
        times.setdefault(field.storage, moment.at_ms)
    return moment.text


def _text_at(body: bytes, at: int) -> bytes:
    """The text that stands at `at` after its length, b"" if there is none."""
    size = body[at] if at < len(body) else 0
    text = body[at + 1 : at + 1 + size]
    return text if len(text) == size and _PRINTABLE.fullmatch(text) else b""


def _named(body: bytes, begin: int, meter: Meter) -> tuple[_Field, int]:
    """A record whose quantity is spelled out, and where its data begins.

    The standard has the text after the last VIFE, some meters right after the VIF.
    """
    dib = _CHAIN.match(body, begin)
    assert dib is not None, "the head was matched already"
    vif = dib.end()
    text = _text_at(body, vif + 1)
    if text:
        at = vif + 2 + len(text)
        vifes = _CHAIN.match(body, at) if body[vif] & 0x80 else None
        extension = vifes[0] if vifes else b""
        at += len(extension)
        if body[vif] & 0x80 and not extension:
            raise _Broken("a spelled-out quantity without its end")
    else:
        chain = _CHAIN.match(body, vif)
        assert chain is not None, "the head was matched already"
        extension = chain[0][1:]
        text = _text_at(body, chain.end())
        at = chain.end() + 1 + len(text)
    if not text:
        raise _Broken("a quantity spelled out, but no text")
    name = text[::-1].decode("latin-1").strip()
    quantity = Quantity(f"text:{name}", "", 0, 1, NUMBER)
    return _build(dib[0], quantity, extension, meter), at


@lru_cache(maxsize=1024)
def _field(head: bytes, meter: Meter) -> _Field:
    """The field of a head that is DIF, DIFE, VIF, VIFE."""
    dib = _CHAIN.match(head)
    assert dib is not None, "the head was matched already"
    vib = head[dib.end() :]
    first, extension = vib[0], vib[1:]
    if first in {0xFB, 0xFD}:
        table = mbus_vif.EXTENSION_FB if first == 0xFB else mbus_vif.EXTENSION_FD
        quantity = table.get(extension[0] & 0x7F)
        name = f"{first:02x}-{extension[0] & 0x7F:02x}"
        extension = extension[1:]
    else:
        quantity = mbus_vif.PRIMARY.get(first & 0x7F)
        name = f"{first & 0x7F:02x}"
    if quantity is None:
        quantity = Quantity(f"vif-{name}", form=RAW)
    elif quantity.name == "maker" and extension:
        quantity = Quantity(f"maker-{extension.hex()}", form=RAW)
        extension = b""
    return _build(dib[0], quantity, extension, meter)


@lru_cache(maxsize=1024)
def _build(dib: bytes, quantity: Quantity, vifes: bytes, meter: Meter) -> _Field:
    """The register and the scale of a record."""
    dif, storage, tariff, unit = dib[0], dib[0] >> 6 & 1, 0, 0
    for place, dife in enumerate(dib[1:]):
        storage |= (dife & 0x0F) << (4 * place + 1)
        tariff |= (dife >> 4 & 3) << (2 * place)
        unit |= (dife >> 6 & 1) << place
    said = mbus_vif.variant(vifes, meter.maker)
    if meter.maker == "SBC" and unit == 1 and quantity.name == "power":
        quantity, unit = quantity._replace(name="reactive-power-signed", unit="mvar"), 0
    function = _FUNCTIONS[dif >> 4 & 3]
    parts = [quantity.name, said.direction, f"l{said.phase}" * (said.phase > 0), *said.other]
    parts += [function, f"u{unit}" * (unit > 0), f"t{tariff}" * (tariff > 0)]
    own = ".".join(part for part in parts if part) + f"*{storage}" * (storage > 0)
    coding = dif & 0x0F
    # What is spelled out stands between head and data, whatever else is said of the value.
    form = quantity.form if said.form is None or quantity.form == NAMED else said.form
    if form == NUMBER and not quantity.unit and not quantity.name.startswith("text:"):
        form = RAW
    is_stamp = own in {"date", f"date*{storage}"} and coding in {4, 6}
    register = mbus_vif.CLOCK if is_stamp and not storage else own
    bare = "" if function or unit else mbus_vif.code(meter.medium, quantity, said)
    if bare and storage <= mbus_vif.STORAGE_MAX:
        register = f"{bare}.{tariff}" + f"*{storage}" * (storage > 0)
    multiplier, divisor = _ratio(quantity, said)
    is_known = form == NUMBER and quantity.unit in _KNOWN_UNITS
    return _Field(
        register=register,
        own=own,
        unit=quantity.unit if is_known else "",
        storage=storage,
        is_plain=form == NUMBER and not said.trouble and coding in mbus_value.NUMBERS,
        width=mbus_value.SIZES.get(coding, 0),
        coding=coding,
        multiplier=multiplier,
        divisor=divisor,
        lowest=mbus_value.lowest(coding),
        is_counter=quantity.name in mbus_vif.COUNTERS and form == NUMBER,
        form=form,
        suffix=f" {quantity.unit}" if quantity.unit and form == NUMBER else "",
        trouble=f"the meter's error code {said.trouble:02X}" if said.trouble else "",
        is_stamp=is_stamp,
    )


def _ratio(quantity: Quantity, said: Variant) -> tuple[int, int]:
    """What to multiply the number on the wire by, and what to divide it by then."""
    power = quantity.power + said.power
    if power >= 0:
        return quantity.factor * 10**power, 1
    return quantity.factor, 10**-power


_MAKER_FIELD = _build(b"\x0f", Quantity("maker-data", form=RAW), b"", Meter(0, ""))


def _value(field: _Field, coding: int, data: bytes) -> int | str | Trouble:
    """The value of a record that is no date: an integer in its milli-unit, or text."""
    form = field.form
    if form == FLAGS:
        return data[::-1].hex()
    if not mbus_value.is_number(coding, data):
        return mbus_value.text(data) if coding == mbus_value.VARIABLE else data.hex()
    if form == IDENTITY:
        return data[::-1].hex().upper() if coding > 8 else str(int.from_bytes(data, "little"))
    number = mbus_value.number(coding, data)
    if isinstance(number, Trouble):
        return number
    above, below = number
    if form == RAW:
        return str(above) if below == 1 else mbus_value.decimal(above, below)
    return _quantity(field, above, below)


def _quantity(field: _Field, above: int, below: int) -> int | str | Trouble:
    """An integer in a milli-unit, cut off downwards; text where there is none for the unit."""
    if field.is_counter and above < 0:
        return Trouble("object", f"a counter of {above} / {below}")
    divisor = field.divisor * below
    if not field.unit:
        return mbus_value.decimal(above * field.multiplier, divisor) + field.suffix
    amount = above * field.multiplier // divisor
    if not -iec62056.VALUE_MAX <= amount <= iec62056.VALUE_MAX:
        return Trouble("object", f"{above} is beyond 64 bits of {field.unit}")
    return amount
