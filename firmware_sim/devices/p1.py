"""A P1 port: telegrams as the meters of several countries print them, some in a cipher.

Spec: DSMR P1 companion 5.0.2, 5.2 (CRC) and 6 (telegram); IEC 62056-5-3, general-glo-ciphering.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drivers.wire import crc
from firmware_sim import device, p1_dialects, p1_house
from firmware_sim.device import Simulator, Source
from firmware_sim.p1_dialects import Dialect
from firmware_sim.p1_lines import COLD, GAS, HEAT, WATER, ZONE, Behind, Peak, Row, Seen, stamp

LOW, NORMAL = 1, 2  # tariff 1 is the low one in the Netherlands, the day one in Belgium
KEY = "2C1D0F8E7B6A59483726150403020100"
AUTH_KEY = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
# Known from here as well.
__all__ = [
    "DIALECTS",
    "LOW",
    "NORMAL",
    "SIMULATOR",
    "ZONE",
    "Gas",
    "Happens",
    "Meter",
    "Phase",
    "Port",
    "Shown",
    "stamp",
    "telegram",
]
_NOBODYS_KEY = "00112233445566778899AABBCCDDEEFF"
_TITLE = b"MKSg\x70\x01\xbd\x54"
_TAG_BYTES = 12
# When something happens to a port that was asked for it: soon enough to wait for.
SOON_MS = 15_000
HALF_A_YEAR_MS = 182 * 86_400_000


class Phase(NamedTuple):
    """What one phase does now; a phase takes or gives, never both."""

    voltage_dv: int
    current_ma: int
    import_w: int
    export_w: int


class Gas(NamedTuple):
    """The last count that the gas meter handed to the P1 meter, and when that was."""

    serial: str
    at_ms: int
    litres: int


class Shown(NamedTuple):
    """What the registers of a meter show at one time: whole watt-hours and watts."""

    at_ms: int
    import_t1_wh: int
    import_t2_wh: int
    export_t1_wh: int
    export_t2_wh: int
    tariff: int
    import_w: int
    export_w: int
    phases: tuple[Phase, ...]
    gas: Gas | None = None


class Meter(NamedTuple):
    """A meter at a P1 port: `dialect` is one of `DIALECTS`, `serial` its ASCII serial number."""

    serial: str
    dialect: str = "5.0.2"


DIALECTS: dict[str, Dialect] = {
    "5.0.2": p1_dialects.DSMR_502,
    "4.2": p1_dialects.DSMR_42,
    "be": p1_dialects.BELGIUM_171,
}


def rows(dialect: Dialect, seen: Seen) -> list[Row]:
    """The data lines of a telegram."""
    told: list[Row] = []
    for lines in dialect.lines:
        told += [Row(lines)] if isinstance(lines, str) else lines(seen)
    return told


def printed(dialect: Dialect, told: Iterable[Row]) -> bytes:
    """A whole telegram; its checksum, if it has one, runs over `/` up to and with `!`."""
    first = [dialect.name] if dialect.close else [dialect.name, ""]
    body = "\r\n".join([*first, *(row.line for row in told), "!"]).encode("latin-1")
    return body + (b"%04X\r\n" % crc.arc(body) if dialect.summed else b"\r\n")


def telegram(meter: Meter, shown: Shown) -> bytes:
    """One telegram of a meter that shows this."""
    dialect = DIALECTS[meter.dialect]
    registers: dict[str, int | str] = {
        "0-0:96.1.1": meter.serial,
        "0-0:96.14.0": f"{shown.tariff:04}",
        "1-0:1.8.1": shown.import_t1_wh * 1000,
        "1-0:1.8.2": shown.import_t2_wh * 1000,
        "1-0:2.8.1": shown.export_t1_wh * 1000,
        "1-0:2.8.2": shown.export_t2_wh * 1000,
        "1-0:1.7.0": shown.import_w * 1000,
        "1-0:2.7.0": shown.export_w * 1000,
    }
    for n, phase in zip((20, 40, 60), shown.phases, strict=False):
        registers |= {
            f"1-0:{n + 1}.7.0": phase.import_w * 1000,
            f"1-0:{n + 2}.7.0": phase.export_w * 1000,
            f"1-0:{n + 11}.7.0": phase.current_ma,
            f"1-0:{n + 12}.7.0": phase.voltage_dv * 100,
        }
    gas = shown.gas
    behind = [Behind(1, GAS, gas.serial, gas.at_ms, gas.litres * 1000)] if gas else []
    return printed(dialect, rows(dialect, Seen(shown.at_ms, registers, behind)))


def sealed(text: bytes, *, counter: int, is_known: bool) -> bytes:
    """The telegram in a cipher; `is_known`: its tag is made with `AUTH_KEY`, else with another."""
    control = b"\x30"
    nonce = _TITLE + counter.to_bytes(4, "big")
    auth_key = bytes.fromhex(AUTH_KEY if is_known else _NOBODYS_KEY)
    cipher = AESGCM(bytes.fromhex(KEY)).encrypt(nonce, text, control + auth_key)
    # The library's tag has 16 bytes.
    body = control + nonce[-4:] + cipher[: _TAG_BYTES - 16]
    return b"\xdb\x08" + _TITLE + b"\x82" + len(body).to_bytes(2, "big") + body


def even(data: bytes) -> bytes:
    """Seven-bit characters with their parity in bit 7."""
    return bytes(byte | byte.bit_count() % 2 << 7 for byte in data)


class Happens(NamedTuple):
    """What happens to a port, each at a UTC millisecond or never.

    `swap_ms`: another meter takes over, with another serial number and counters at zero.
    `gas_moves_ms`: the gas meter goes from its channel to the next free one; the old one is dead.
    `dip_ms`: counters are zero in the first telegram from then on, and right again in the next.
    `clock_off_ms`: by so much the meter's clock goes ahead all the time.
    """

    swap_ms: int | None = None
    gas_moves_ms: int | None = None
    dip_ms: int | None = None
    clock_off_ms: int = 0


Peaks = Callable[[int], Sequence[Peak]]
# The M-Bus meters: channel, kind, and what the source calls them.
Hung = tuple[tuple[int, int, str], ...]


class Port:
    """A meter at its end of the cable; it only talks."""

    def __init__(
        self,
        dialect: Dialect,
        source: Source,
        now_ms: int,
        *,
        peaks: Peaks,
        hung: Hung = (),
        happens: Happens = Happens(),  # noqa: B008 - a value that never changes
    ) -> None:
        self._dialect = dialect
        self._source = source
        self._peaks = peaks
        self._hung = hung
        self._happens = happens
        self._due_ms = now_ms
        self._has_dipped = False
        self._truth: device.Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        """A telegram when one is due."""
        if now_ms < self._due_ms:
            return b""
        interval_ms = self._dialect.interval_ms
        self._due_ms += ((now_ms - self._due_ms) // interval_ms + 1) * interval_ms
        return self.telegram(now_ms)

    def telegram(self, now_ms: int) -> bytes:
        """What the meter says at this time."""
        seen = Seen(
            now_ms + self._happens.clock_off_ms,
            self._registers(now_ms),
            self._behind(now_ms),
            lambda: self._peaks(now_ms),
        )
        told = rows(self._dialect, seen)
        self._truth = {row.register: row.value for row in told if row.register}
        text = printed(self._dialect, told)
        if self._dialect.keys:
            is_known = self._dialect.keys == 2
            return sealed(text, counter=now_ms // 100 % 2**32, is_known=is_known)
        return even(text) if self._dialect.seven else text

    def truth(self) -> device.Shown:
        return self._truth

    def _registers(self, now_ms: int) -> Mapping[str, int | str]:
        swap_ms, dip_ms = self._happens.swap_ms, self._happens.dip_ms
        if swap_ms is None and dip_ms is None:
            return self._source(now_ms)
        shown = dict(self._source(now_ms))
        counters = {name: value for name, value in shown.items() if ".8." in name}
        if swap_ms is not None and now_ms >= swap_ms:
            before = self._source(swap_ms)
            shown["0-0:96.1.1"] = f"{shown['0-0:96.1.1']}9"
            shown |= {name: int(value) - int(before[name]) for name, value in counters.items()}
        if dip_ms is not None and now_ms >= dip_ms and not self._has_dipped:
            self._has_dipped = True
            shown |= dict.fromkeys(counters, 0)
        return shown

    def _behind(self, now_ms: int) -> list[Behind]:
        """What each M-Bus meter handed over last, with the serial numbers of their kinds."""
        if not self._hung:
            return []
        gas_ms = self._dialect.gas_ms
        at_ms = now_ms // gas_ms * gas_ms
        handed = self._source(at_ms)
        clocked_ms = at_ms + self._happens.clock_off_ms
        moves_ms = self._happens.gas_moves_ms
        behind: list[Behind] = []
        for channel, kind, name in self._hung:
            serial = f"{name.upper()}{kind:02}39001234567{channel}"
            one = Behind(channel, kind, serial, clocked_ms, int(handed[name]))
            if kind == GAS and moves_ms is not None and now_ms >= moves_ms:
                free = max(taken for taken, _, _ in self._hung) + 1
                behind += [one._replace(at_ms=None), one._replace(channel=free)]
            else:
                behind.append(one)
        return sorted(behind)


class Variant(NamedTuple):
    """A dialect with what hangs behind it, and what happens after `SOON_MS`."""

    dialect: Dialect
    hung: Hung = ((1, GAS, "gas"),)
    happens: tuple[str, ...] = ()
    clock_off_ms: int = 0


_GAS_AND_WATER: Hung = ((1, GAS, "gas"), (2, WATER, "water"))
VARIANTS = {
    "DSMR 5.0.2": Variant(p1_dialects.DSMR_502, _GAS_AND_WATER),
    "DSMR 2.2": Variant(p1_dialects.DSMR_22),
    "DSMR 3.0": Variant(p1_dialects.DSMR_30),
    "DSMR 4.2": Variant(p1_dialects.DSMR_42),
    "SMR 5.5": Variant(p1_dialects.SMR_55, ((1, HEAT, "heat"), (3, COLD, "cold"))),
    "Belgium 1.7.1": Variant(p1_dialects.BELGIUM_171, ((1, GAS, "gas"),)),
    "Belgium 2.1.1": Variant(p1_dialects.BELGIUM_211, ((1, WATER, "water"), (2, GAS, "gas"))),
    "Luxembourg, in a cipher": Variant(p1_dialects.LUXEMBOURG),
    "Austria, in a cipher": Variant(p1_dialects.AUSTRIA, ()),
    "Sweden": Variant(p1_dialects.SWEDEN, ()),
    "Hungary": Variant(p1_dialects.HUNGARY, ()),
    "meter is swapped": Variant(p1_dialects.DSMR_502, happens=("swap_ms",)),
    "gas meter moves": Variant(p1_dialects.DSMR_502, happens=("gas_moves_ms",)),
    "counters dip to zero": Variant(p1_dialects.DSMR_502, happens=("dip_ms",)),
    "clock is months off": Variant(p1_dialects.DSMR_502, clock_off_ms=-HALF_A_YEAR_MS),
}
_SETTINGS: dict[str, dict[str, str]] = {
    "Luxembourg, in a cipher": {"key": KEY},
    "Austria, in a cipher": {"key": KEY, "auth_key": AUTH_KEY},
}


def begin(name: str, source: Source, seed: int, now_ms: int) -> Port:
    """The port of a variant; what happens to it happens `SOON_MS` from now."""
    variant = VARIANTS[name]
    happens = Happens(clock_off_ms=variant.clock_off_ms)
    return Port(
        variant.dialect,
        source,
        now_ms,
        peaks=lambda at_ms: p1_house.peaks(seed, at_ms),
        hung=variant.hung,
        happens=happens._replace(**dict.fromkeys(variant.happens, now_ms + SOON_MS)),
    )


SIMULATOR = Simulator(
    variants={name: _SETTINGS.get(name, {}) for name in VARIANTS},
    begin=begin,
    source=p1_house.house,
)
