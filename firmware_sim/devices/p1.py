"""A P1 port: telegrams as Dutch and Belgian meters print them, from what their registers show.

Spec: DSMR P1 companion standard 5.0.2 and 4.2.2, sections 5.2 (CRC) and 6 (telegram);
e-MUCS-P1 1.7.1 for Belgium.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from drivers.wire import crc

ZONE = ZoneInfo("Europe/Amsterdam")  # Brussels keeps the same time
LOW, NORMAL = 1, 2  # tariff 1 is the low one in the Netherlands, the day one in Belgium


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


@lru_cache(maxsize=64)
def _offset(hour: int) -> tuple[int, str]:
    """Seconds ahead of UTC and the flag of the companion standard, for an hour since 1970."""
    local = datetime.fromtimestamp(hour * 3600, ZONE)
    shift = local.utcoffset()
    assert shift is not None
    return int(shift.total_seconds()), "S" if local.dst() else "W"


def stamp(at_ms: int) -> str:
    """YYMMDDhhmmss in local time with its flag: S in summer, W in winter.

    >>> stamp(1_782_036_000_000)
    '260621120000S'
    """
    seconds = at_ms // 1000
    shift, flag = _offset(seconds // 3600)
    # A wall clock without a zone: the shift has been added already.
    wall = datetime.fromtimestamp(seconds + shift, ZoneInfo("UTC"))
    return f"{wall:%y%m%d%H%M%S}{flag}"


def _kilo(value: int, digits: int) -> str:
    """Thousandths with `digits` places before the point: 4426 with 6 is 000004.426."""
    return f"{value // 1000:0{digits}}.{value % 1000:03}"


def _counters(shown: Shown) -> list[str]:
    return [
        f"1-0:1.8.1({_kilo(shown.import_t1_wh, 6)}*kWh)",
        f"1-0:1.8.2({_kilo(shown.import_t2_wh, 6)}*kWh)",
        f"1-0:2.8.1({_kilo(shown.export_t1_wh, 6)}*kWh)",
        f"1-0:2.8.2({_kilo(shown.export_t2_wh, 6)}*kWh)",
        f"0-0:96.14.0({shown.tariff:04})",
    ]


def _powers(shown: Shown) -> list[str]:
    return [
        f"1-0:1.7.0({_kilo(shown.import_w, 2)}*kW)",
        f"1-0:2.7.0({_kilo(shown.export_w, 2)}*kW)",
    ]


def _phase_powers(shown: Shown) -> list[str]:
    imports = [
        f"1-0:{n}1.7.0({_kilo(p.import_w, 2)}*kW)"
        for n, p in zip("246", shown.phases, strict=False)
    ]
    exports = [
        f"1-0:{n}2.7.0({_kilo(p.export_w, 2)}*kW)"
        for n, p in zip("246", shown.phases, strict=False)
    ]
    return imports + exports


def _voltages(shown: Shown) -> list[str]:
    return [
        f"1-0:{n}2.7.0({p.voltage_dv // 10:03}.{p.voltage_dv % 10}*V)"
        for n, p in zip("357", shown.phases, strict=False)
    ]


def _amperes(shown: Shown) -> list[str]:
    """Whole amperes, as the Dutch standard has them."""
    return [
        f"1-0:{n}1.7.0({p.current_ma // 1000:03}*A)"
        for n, p in zip("357", shown.phases, strict=False)
    ]


def _failures(shown: Shown) -> list[str]:
    """No failures and no events; sags and swells per phase."""
    phases = "357"[: len(shown.phases)]
    return [
        "0-0:96.7.21(00000)",
        "0-0:96.7.9(00000)",
        "1-0:99.97.0(0)(0-0:96.7.19)",
        *(f"1-0:{n}2.32.0(00000)" for n in phases),
        *(f"1-0:{n}2.36.0(00000)" for n in phases),
    ]


def _hex(text: str) -> str:
    return text.encode("ascii").hex().upper()


def _dsmr_5(meter: Meter, shown: Shown) -> list[str]:
    gas = shown.gas
    return [
        "/ISK5\\2M550T-1012",
        "",
        "1-3:0.2.8(50)",
        f"0-0:1.0.0({stamp(shown.at_ms)})",
        f"0-0:96.1.1({_hex(meter.serial)})",
        *_counters(shown),
        *_powers(shown),
        *_failures(shown),
        "0-0:96.13.0()",
        *_voltages(shown),
        *_amperes(shown),
        *_phase_powers(shown),
        *(_gas(gas, "0-1:96.1.0", "0-1:24.2.1") if gas else ()),
    ]


def _dsmr_4(meter: Meter, shown: Shown) -> list[str]:
    gas = shown.gas
    # A 4.2 meter collects gas on the hour, and prints no voltages.
    return [
        "/KFM5KAIFA-METER",
        "",
        "1-3:0.2.8(42)",
        f"0-0:1.0.0({stamp(shown.at_ms)})",
        f"0-0:96.1.1({_hex(meter.serial)})",
        *_counters(shown),
        *_powers(shown),
        *_failures(shown),
        "0-0:96.13.1()",
        "0-0:96.13.0()",
        *_amperes(shown),
        *_phase_powers(shown),
        *(_gas(gas, "0-1:96.1.0", "0-1:24.2.1") if gas else ()),
    ]


def _belgium(meter: Meter, shown: Shown) -> list[str]:
    gas = shown.gas
    return [
        "/FLU5\\253770234_A",
        "",
        "0-0:96.1.4(50217)",
        f"0-0:96.1.1({_hex(meter.serial)})",
        f"0-0:1.0.0({stamp(shown.at_ms)})",
        *_counters(shown),
        *_powers(shown),
        *_phase_powers(shown),
        *_voltages(shown),
        *(
            f"1-0:{n}1.7.0({p.current_ma // 1000:03}.{p.current_ma % 1000 // 10:02}*A)"
            for n, p in zip("357", shown.phases, strict=False)
        ),
        "0-0:96.3.10(1)",
        "0-0:17.0.0(999.9*kW)",
        "1-0:31.4.0(999*A)",
        "0-0:96.13.0()",
        *(_gas(gas, "0-1:96.1.1", "0-1:24.2.3") if gas else ()),
    ]


def _gas(gas: Gas, serial_code: str, count_code: str) -> list[str]:
    return [
        "0-1:24.1.0(003)",
        f"{serial_code}({_hex(gas.serial)})",
        f"{count_code}({stamp(gas.at_ms)})({_kilo(gas.litres, 5)}*m3)",
    ]


DIALECTS: dict[str, Callable[[Meter, Shown], list[str]]] = {
    "5.0.2": _dsmr_5,
    "4.2": _dsmr_4,
    "be": _belgium,
}


def telegram(meter: Meter, shown: Shown) -> bytes:
    """One telegram with its checksum, which runs over `/` up to and with `!`."""
    body = "\r\n".join([*DIALECTS[meter.dialect](meter, shown), "!"]).encode("ascii")
    return body + b"%04X\r\n" % crc.arc(body)
