"""Meters that push what they show as DLMS/COSEM, each in its maker's way.

Spec: IEC 62056-6-2 (scaler and unit, push setup); NVE, HAN interface, 2016; VSE, customer
interface, 2022; Netz NÖ, customer interface, 2021. How it is coded and sent: firmware_sim/cosem.py.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from random import Random
from typing import NamedTuple

from firmware_sim.cosem import (
    AUTH_KEY,
    KEY,
    ZONE,
    array,
    code,
    in_blocks,
    in_mbus,
    in_one,
    in_segments,
    moment,
    notification,
    octets,
    sealed,
    shows,
    structure,
    text,
    unsigned,
)
from firmware_sim.device import Shown, Simulator, Source

SERIALS = {
    "Aidon": "7359992890000018",
    "Kaifa": "6970631400000019",
    "Kamstrup": "5706567000000020",
    "Landis+Gyr": "1935021",
    "Iskra": "84895022",
    "Netz NÖ": "181220000023",
}

_POWERS = ("1-0:1.7.0", "1-0:2.7.0", "1-0:3.7.0", "1-0:4.7.0")
_ENERGIES = ("1-0:1.8.0", "1-0:2.8.0", "1-0:3.8.0", "1-0:4.8.0")
_AMPS = ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0")
_VOLTS = ("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0")
_WATT, _VAR, _WATT_HOUR, _VAR_HOUR, _AMPERE, _VOLT = 27, 29, 30, 32, 33, 35

# What was told: the registers and their values as a driver must read them.
Told = dict[str, int | str]


class Row(NamedTuple):
    """A register on the wire: how it is called there, its value in steps of so many milli-units,
    how many bytes these take, and its scaler and unit."""

    register: str
    steps: int
    width: int
    scaler: int
    unit: int
    step: int


def scaler_unit(row: Row) -> bytes:
    return structure(bytes((15, row.scaler & 0xFF)), bytes((22, row.unit)))


def rows(
    shown: Shown, registers: Iterable[str], *, scaler: int, unit: int, width: int = 4
) -> list[Row]:
    """Registers of one quantity, in steps of ten to the `scaler` whole units."""
    step = 10 ** (scaler + 3)
    return [Row(one, int(shown[one]) // step, width, scaler, unit, step) for one in registers]


def powers(shown: Shown) -> list[Row]:
    return [
        *rows(shown, _POWERS[:2], scaler=0, unit=_WATT),
        *rows(shown, _POWERS[2:], scaler=0, unit=_VAR),
    ]


def energies(shown: Shown, scaler: int = 0) -> list[Row]:
    return [
        *rows(shown, _ENERGIES[:2], scaler=scaler, unit=_WATT_HOUR),
        *rows(shown, _ENERGIES[2:], scaler=scaler, unit=_VAR_HOUR),
    ]


def told(listed: Iterable[Row], texts: Mapping[str, str]) -> Told:
    """What a list says as a driver must tell it."""
    return {row.register: row.steps * row.step for row in listed} | dict(texts)


def number(row: Row) -> bytes:
    return unsigned(row.steps, row.width)


def _aidon(shown: Shown, at_ms: int) -> tuple[bytes, Told]:
    """Every 10 s the long list, else the power alone. The clock is in winter time and says UTC."""
    listed = powers(shown)[:1]
    texts: dict[str, str] = {}
    items: list[bytes] = []
    if at_ms % 10_000 == 0:
        listed = [
            *powers(shown),
            *rows(shown, _AMPS, scaler=-1, unit=_AMPERE, width=2),
            *rows(shown, _VOLTS, scaler=-1, unit=_VOLT, width=2),
            *energies(shown, 1),
        ]
        clock = moment(at_ms, -60, 0)[:9] + b"\0\0\0"
        texts = {
            "1-1:0.2.129": "AIDON_V0001",
            "0-0:96.1.0": SERIALS["Aidon"],
            "0-0:96.1.7": "6534",
            "0-0:1.0.0": shows(clock),
        }
        items = [structure(code(name), text(texts[name])) for name in list(texts)[:3]]
        items.append(structure(code("0-0:1.0.0"), octets(clock)))
    items += [structure(code(row.register), number(row), scaler_unit(row)) for row in listed]
    return notification(0x40000000, b"", array(*items)), told(listed, texts)


def _kaifa(shown: Shown, at_ms: int) -> tuple[bytes, Told]:
    """Every 10 s the long list, else the power alone, all without names or units."""
    listed = powers(shown)[:1]
    texts: dict[str, str] = {}
    clock = moment(at_ms, None, 0)
    items = [number(listed[0])]
    if at_ms % 10_000 == 0:
        counters = energies(shown)
        listed = [
            *powers(shown),
            *rows(shown, _AMPS, scaler=-3, unit=_AMPERE),
            *rows(shown, _VOLTS, scaler=-1, unit=_VOLT),
        ]
        texts = {
            "1-1:0.2.129": "KFM_001",
            "0-0:96.1.0": SERIALS["Kaifa"],
            "0-0:96.1.7": "MA304H3E",
        }
        items = [octets(one.encode()) for one in texts.values()]
        items += [number(row) for row in listed]
        items += [octets(clock), *(number(row) for row in counters)]
        texts["0-0:1.0.0"] = shows(clock)
        listed += counters
    # Kaifa codes the moment with its type, where only its length belongs.
    apdu = b"\x0f\x40\0\0\0" + octets(clock) + structure(*items)
    return apdu, told(listed, texts)


def _kamstrup(shown: Shown, at_ms: int, scaler: int = 0) -> tuple[bytes, Told]:
    """Codes and values in turn, all of channel 1; the clock is in winter time."""
    listed = [
        *energies(shown, scaler),
        *powers(shown),
        *rows(shown, _VOLTS, scaler=0, unit=_VOLT, width=2),
        *rows(shown, _AMPS, scaler=-2, unit=_AMPERE),
    ]
    listed = [row._replace(register="1-1" + row.register[3:]) for row in listed]
    clock = moment(at_ms, -60, 0)[:9] + b"\x80\0\0"
    texts = {"1-1:0.0.5": SERIALS["Kamstrup"], "1-1:96.1.1": "6841131BN245101090"}
    items = [text("Kamstrup_V0001")]
    for name, written in texts.items():
        items += [code(name), text(written)]
    items += [code("0-1:1.0.0"), octets(clock)]
    for row in listed:
        items += [code(row.register), number(row)]
    texts |= {"1-1:0.2.129": "Kamstrup_V0001", "0-1:1.0.0": shows(clock)}
    return notification(0, clock, structure(*items)), told(listed, texts)


def _landis(shown: Shown, at_ms: int) -> tuple[bytes, Told]:
    """Burgenland and Styria: a clock, then codes and values in turn, without units."""
    listed = [*energies(shown), *powers(shown)]
    is_summer = bool(datetime.fromtimestamp(at_ms / 1000, ZONE).dst())
    clock = moment(at_ms, None, 0x80 * is_summer)
    items = [octets(clock)]
    for row in listed:
        items += [code(row.register), number(row)]
    apdu = notification(at_ms // 1000 % 2**32, clock, structure(*items))
    return apdu, told(listed, {"0-0:1.0.0": shows(clock)})


def _pushed(shown: Shown, at_ms: int) -> tuple[bytes, Told]:
    """Switzerland: the attributes that are pushed, then their values."""
    listed = [
        *energies(shown),
        *powers(shown),
        *rows(shown, _VOLTS, scaler=0, unit=_VOLT, width=2),
        *rows(shown, _AMPS, scaler=-2, unit=_AMPERE, width=2),
    ]
    is_summer = bool(datetime.fromtimestamp(at_ms / 1000, ZONE).dst())
    clock = moment(at_ms, None, 0x80 * is_summer)
    texts = {"0-0:42.0.0": "LGZ1030655900021", "0-0:96.1.1": SERIALS["Landis+Gyr"]}
    objects = [(40, "0-8:25.9.0"), *((1, name) for name in texts), (8, "0-0:1.0.0")]
    objects += [(3, row.register) for row in listed]
    entries = [
        structure(unsigned(kind, 2), code(name), bytes((15, 2)), unsigned(0, 2))
        for kind, name in objects
    ]
    values = [*(octets(one.encode()) for one in texts.values()), octets(clock)]
    values += [number(row) for row in listed]
    apdu = notification(at_ms // 1000 % 2**32, clock, structure(array(*entries), *values))
    return apdu, told(listed, texts | {"0-0:1.0.0": shows(clock)})


def _iskra(shown: Shown, at_ms: int) -> tuple[bytes, Told]:
    """Objects in structures; the deviation is known."""
    is_summer = bool(datetime.fromtimestamp(at_ms / 1000, ZONE).dst())
    listed = [
        *powers(shown),
        *energies(shown),
        *rows(shown, _VOLTS, scaler=-1, unit=_VOLT, width=2),
        *rows(shown, _AMPS, scaler=-2, unit=_AMPERE, width=2),
    ]
    texts = {"0-0:96.1.0": SERIALS["Iskra"], "0-0:96.1.1": "160022"}
    items = [structure(code(name), octets(one.encode())) for name, one in texts.items()]
    items += [structure(code(row.register), number(row), scaler_unit(row)) for row in listed]
    sent = moment(at_ms, -120 if is_summer else -60, 0x80 * is_summer)
    return notification(at_ms // 1000 % 2**32, sent, structure(*items)), told(listed, texts)


def _netz_noe(shown: Shown, at_ms: int) -> tuple[bytes, Told]:
    """A clock, then code, value, scaler and unit in turn, and the meter's number at the end."""
    is_summer = bool(datetime.fromtimestamp(at_ms / 1000, ZONE).dst())
    clock = moment(at_ms, -120 if is_summer else -60, 0x80 * is_summer)
    listed = [
        *energies(shown)[:2],
        *powers(shown)[:2],
        *rows(shown, _VOLTS, scaler=-1, unit=_VOLT, width=2),
        *rows(shown, _AMPS, scaler=-2, unit=_AMPERE, width=2),
    ]
    items = [octets(clock)]
    for row in listed:
        items += [code(row.register), number(row), scaler_unit(row)]
    items.append(octets(SERIALS["Netz NÖ"].encode()))
    texts = {"0-0:1.0.0": shows(clock), "0-0:96.1.0": SERIALS["Netz NÖ"]}
    apdu = notification(0x80000000 | at_ms // 1000 % 2**24, clock, structure(*items))
    return apdu, told(listed, texts)


class Maker(NamedTuple):
    """How a meter tells, what it sends that in, how often, and what it is sealed with."""

    tell: Callable[[Shown, int], tuple[bytes, Told]]
    send: Callable[[bytes], bytes]
    interval_ms: int
    title: bytes = b""
    is_tagged: bool = False


def _to_landis(apdu: bytes) -> bytes:
    return in_one(apdu, to=b"\x41", of=b"\x08\x83")


def _to_kaifa(apdu: bytes) -> bytes:
    return in_one(apdu, to=b"\x01", of=b"\x02\x01", control=0x10)


def _to_kamstrup(apdu: bytes) -> bytes:
    return in_one(apdu, to=b"\x41", of=b"\x03")


MAKERS = {
    "Aidon": Maker(_aidon, _to_landis, 2_500),
    "Kaifa": Maker(_kaifa, _to_kaifa, 2_000),
    "Kamstrup, encrypted": Maker(
        _kamstrup, _to_kamstrup, 10_000, b"KAM\x45\x01\x34\x90\x20", is_tagged=True
    ),
    "Kamstrup in steps of 10 Wh": Maker(
        lambda shown, at_ms: _kamstrup(shown, at_ms, 1), _to_kamstrup, 10_000
    ),
    "Landis+Gyr, encrypted in blocks": Maker(
        _landis, in_blocks, 5_000, b"LGZ\x67\x73\x5d\xd3\x21", is_tagged=True
    ),
    "Landis+Gyr with a push list": Maker(_pushed, in_blocks, 5_000),
    "Iskra in segments": Maker(_iskra, in_segments, 5_000),
    "Netz NÖ over M-Bus": Maker(_netz_noe, in_mbus, 5_000, b"KFM\x67\x50\x00\x00\x23"),
}
VARIANTS: dict[str, dict[str, str]] = {
    name: {"key": KEY.hex(), "auth_key": AUTH_KEY.hex()} if maker.title else {}
    for name, maker in MAKERS.items()
}
VARIANTS["Kamstrup in steps of 10 Wh"] = {"energy_step_wh": "10"}
VARIANTS["Netz NÖ over M-Bus"] = {"key": KEY.hex()}


class Pusher:
    """A meter at its end of the cable; it only talks."""

    def __init__(self, maker: Maker, source: Source, now_ms: int) -> None:
        self._maker = maker
        self._source = source
        self._due_ms = now_ms + -now_ms % maker.interval_ms
        self._truth: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        """A telegram when one is due; its time is when it was due."""
        if now_ms < self._due_ms:
            return b""
        interval_ms = self._maker.interval_ms
        at_ms = now_ms - now_ms % interval_ms
        self._due_ms = at_ms + interval_ms
        return self.telegram(at_ms)

    def telegram(self, at_ms: int) -> bytes:
        """What the meter says at this time."""
        maker = self._maker
        apdu, self._truth = maker.tell(self._source(at_ms), at_ms)
        if maker.title:
            counter = at_ms // maker.interval_ms % 2**32
            apdu = sealed(apdu, title=maker.title, counter=counter, tagged=maker.is_tagged)
        return maker.send(apdu)

    def truth(self) -> Shown:
        return self._truth


def _house(seed: int) -> Source:
    """What the meter of a house has counted since 2020, and what flows now."""
    base = Random(f"{seed}/dlms").randrange(20, 10_000)  # noqa: S311 - a play, no secret

    def shown(at_ms: int) -> Shown:
        since_ms = at_ms - 1_577_836_800_000
        draw = Random(f"{seed}/{at_ms // 1_000}")  # noqa: S311 - a play, no secret
        import_mw = draw.randrange(0, 9_000_000) * (draw.randrange(10) < 7)
        values: dict[str, int | str] = {
            "1-0:1.8.0": since_ms // 4 + base * 1_000,
            "1-0:2.8.0": since_ms // 9,
            "1-0:3.8.0": since_ms // 40,
            "1-0:4.8.0": since_ms // 55 + base,
            "1-0:1.7.0": import_mw,
            "1-0:2.7.0": draw.randrange(0, 5_000_000) if not import_mw else 0,
            "1-0:3.7.0": draw.randrange(0, 900_000),
            "1-0:4.7.0": draw.randrange(0, 900_000),
        }
        for c in (20, 40, 60):
            values[f"1-0:{12 + c}.7.0"] = draw.randrange(222_000, 240_000)
            values[f"1-0:{11 + c}.7.0"] = draw.randrange(0, 16_000)
        return values

    return shown


SIMULATOR = Simulator(
    variants=VARIANTS,
    begin=lambda variant, source, _seed, at_ms: Pusher(MAKERS[variant], source, at_ms),
    source=_house,
)
