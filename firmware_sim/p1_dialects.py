"""The dialects of meters and countries at a P1 port.

Spec: DSMR P1 companion 2.2, 3.0, 4.2.2 and 5.0.2, section 6 (telegram); e-MUCS-P1 1.7.1 and 2.1.1;
Luxmetering E-Meter P1 1.1.3; the Swedish branch recommendation for local interfaces (stamps in
winter time). E.ON Hungary's meters and the Austrian T210-D-r after what they print.
"""

from typing import NamedTuple

from firmware_sim.p1_lines import (
    FIVE_MINUTES_MS,
    HOUR_MS,
    KW,
    Form,
    Lines,
    channels,
    clock,
    events,
    fixed,
    hexed,
    month_peaks,
    numbers,
    old_channels,
    winter_stamp,
    words,
)

KWH = Form(1_000, 3, 6, "kWh")
KWH_OLD = Form(1_000, 3, 5, "kWh")
KWH_LONG = Form(1_000, 3, 8, "kWh")
WH = Form(1_000, 0, 9, "Wh")
KW_22 = Form(10_000, 2, 4, "kW")
KW_30 = Form(10_000, 2, 3, "kW")
KW_LONG = Form(1_000, 3, 4, "kW")
WATT = Form(1_000, 0, 9, "W")
KVARH = Form(1_000, 3, 6, "kvarh")
KVARH_LONG = Form(1_000, 3, 8, "kVArh")
VARH = Form(1_000, 0, 9, "varh")
KVAR = Form(1_000, 3, 2, "kvar")
KVAR_LONG = Form(1_000, 3, 4, "kVAr")
VAR = Form(1_000, 0, 9, "var")
VOLT = Form(100, 1, 3, "V")
AMPERE = Form(1_000, 0, 3, "A")
DECIAMPERE = Form(100, 1, 3, "A")
CENTIAMPERE = Form(10, 2, 3, "A")
HERTZ = Form(10, 2, 2, "Hz")

_COUNTERS = ("1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.1", "1-0:2.8.2")
_NET = ("1-0:1.7.0", "1-0:2.7.0")
_TAKEN = ("1-0:21.7.0", "1-0:41.7.0", "1-0:61.7.0")
_GIVEN = ("1-0:22.7.0", "1-0:42.7.0", "1-0:62.7.0")
_VOLTAGES = ("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0")
_CURRENTS = ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0")
_TOTALS = ("1-0:1.8.0", "1-0:2.8.0")
_REACTIVE = ("1-0:3.8.0", "1-0:4.8.0")
_REACTIVE_NOW = ("1-0:3.7.0", "1-0:4.7.0")
_SAGS = ("1-0:32.32.0", "1-0:52.32.0", "1-0:72.32.0")
_SWELLS = ("1-0:32.36.0", "1-0:52.36.0", "1-0:72.36.0")
_FAILURES: tuple[Lines | str, ...] = (
    events("0-0:96.7.21", "0-0:96.7.9"),
    "1-0:99.97.0(0)(0-0:96.7.19)",
    events(*_SAGS),
    events(*_SWELLS),
)


class Dialect(NamedTuple):
    """How a kind of meter prints: its first line, then an empty one unless `close`, then `lines`.

    `seven`: seven bits and even parity at 9600 baud. `keys`: in a cipher, with 2 for one whose tag
    can be checked by whoever has the authentication key, with 1 for one that fits nobody's.
    """

    name: str
    lines: tuple[Lines | str, ...]
    interval_ms: int = 10_000
    gas_ms: int = HOUR_MS
    summed: bool = True
    seven: bool = False
    close: bool = False
    keys: int = 0


DSMR_22 = Dialect(
    "/ISk5\\2MT382-1004",
    (
        hexed("0-0:96.1.1"),
        numbers(KWH_OLD, *_COUNTERS),
        words("0-0:96.14.0"),
        numbers(KW_22, *_NET),
        fixed("0-0:17.0.0", "0999.00*kW", 999_000_000),
        fixed("0-0:96.3.10", "1", "1"),
        fixed("0-0:96.13.1", "", ""),
        fixed("0-0:96.13.0", "", ""),
        old_channels(1),
    ),
    summed=False,
    seven=True,
)
DSMR_30 = Dialect(
    "/ISk5\\2MT382-1000",
    (
        hexed("0-0:96.1.1"),
        numbers(KWH_OLD, *_COUNTERS),
        words("0-0:96.14.0"),
        numbers(KW_30, *_NET),
        fixed("0-0:17.0.0", "016*A", 16_000),
        fixed("0-0:96.3.10", "1", "1"),
        fixed("0-0:96.13.1", "303132333435363738", "012345678"),
        fixed("0-0:96.13.0", "", ""),
        old_channels(2),
    ),
    summed=False,
    seven=True,
)
DSMR_42 = Dialect(
    "/KFM5KAIFA-METER",
    (
        fixed("1-3:0.2.8", "42", "42"),
        clock(),
        hexed("0-0:96.1.1"),
        numbers(KWH, *_COUNTERS),
        words("0-0:96.14.0"),
        numbers(KW, *_NET),
        *_FAILURES,
        fixed("0-0:96.13.1", "", ""),
        fixed("0-0:96.13.0", "", ""),
        # A 4.2 meter prints no voltages.
        numbers(AMPERE, *_CURRENTS),
        numbers(KW, *_TAKEN),
        numbers(KW, *_GIVEN),
        channels(),
    ),
)
_DSMR_5_LINES: tuple[Lines | str, ...] = (
    fixed("1-3:0.2.8", "50", "50"),
    clock(),
    hexed("0-0:96.1.1"),
    numbers(KWH, *_COUNTERS),
    words("0-0:96.14.0"),
    numbers(KW, *_NET),
    *_FAILURES,
    fixed("0-0:96.13.0", "", ""),
    numbers(VOLT, *_VOLTAGES),
    numbers(AMPERE, *_CURRENTS),
    numbers(KW, *_TAKEN),
    numbers(KW, *_GIVEN),
    channels(),
)
DSMR_502 = Dialect("/ISK5\\2M550T-1012", _DSMR_5_LINES, interval_ms=1_000, gas_ms=FIVE_MINUTES_MS)
SMR_55 = Dialect("/Ene5\\T211 ESMR 5.0", _DSMR_5_LINES, interval_ms=1_000, gas_ms=FIVE_MINUTES_MS)


def _belgian(
    version: str,
    first: tuple[Lines | str, ...] = (),
    more: tuple[Lines | str, ...] = (),
    *,
    close: bool = False,
) -> Dialect:
    lines: tuple[Lines | str, ...] = (
        fixed("0-0:96.1.4", version, version),
        hexed("0-0:96.1.1"),
        *first,
        clock(),
        numbers(KWH, *_COUNTERS),
        words("0-0:96.14.0"),
        month_peaks,
        numbers(KW, *_NET),
        numbers(KW, *_TAKEN),
        numbers(KW, *_GIVEN),
        numbers(VOLT, *_VOLTAGES),
        numbers(CENTIAMPERE, *_CURRENTS),
        fixed("0-0:96.3.10", "1", "1"),
        fixed("0-0:17.0.0", "999.9*kW", 999_900_000),
        fixed("1-0:31.4.0", "999*A", 999_000),
        *more,
        fixed("0-0:96.13.0", "", ""),
        channels("96.1.1", belgian=True),
    )
    return Dialect(
        "/FLU5\\253770234_A", lines, interval_ms=1_000, gas_ms=FIVE_MINUTES_MS, close=close
    )


BELGIUM_171 = _belgian("50217")
BELGIUM_211 = _belgian(
    "50221",
    ("0-0:96.1.2(353431343430303132333435363738393030)",),
    tuple(fixed(f"0-{channel}:96.3.10", "0", "0") for channel in (1, 2, 3, 4)),
    close=True,
)
_REACTIVE_PHASES = tuple(f"1-0:{c}.7.0" for c in (23, 43, 63, 24, 44, 64))
LUXEMBOURG = Dialect(
    "/Lux5\\253663629_D",
    (
        fixed("1-3:0.2.8", "42", "42"),
        clock(),
        hexed("0-0:42.0.0"),
        numbers(KWH, *_TOTALS),
        numbers(KVARH, *_REACTIVE),
        numbers(KW, *_NET),
        numbers(KVAR, *_REACTIVE_NOW),
        fixed("0-0:17.0.0", "069.0*kVA", 69_000_000),
        fixed("0-0:96.3.10", "1", "1"),
        events("0-0:96.7.21", *_SAGS, *_SWELLS),
        *(fixed(f"0-0:96.13.{n}", "", "") for n in (0, 2, 3, 4, 5)),
        numbers(VOLT, *_VOLTAGES),
        numbers(AMPERE, *_CURRENTS),
        numbers(KW, *_TAKEN, *_GIVEN),
        numbers(KVAR, *_REACTIVE_PHASES),
        channels(),
    ),
    keys=1,
)
SWEDEN = Dialect(
    "/KAM5",
    (
        clock(winter_stamp),
        numbers(KWH_LONG, *_TOTALS),
        numbers(KVARH_LONG, *_REACTIVE),
        numbers(KW_LONG, *_NET),
        numbers(KVAR_LONG, *_REACTIVE_NOW),
        numbers(KW_LONG, *_TAKEN, *_GIVEN),
        numbers(KVAR_LONG, *_REACTIVE_PHASES),
        numbers(VOLT, *_VOLTAGES),
        numbers(DECIAMPERE, *_CURRENTS),
    ),
)
_QUADRANTS = ("1-0:5.8.0", "1-0:6.8.0", "1-0:7.8.0", "1-0:8.8.0")
HUNGARY = Dialect(
    "/SAG5SAG-METER",
    (
        clock(),
        hexed("0-0:42.0.0"),
        hexed("0-0:96.1.0"),
        words("0-0:96.14.0"),
        fixed("0-0:96.3.10", "1", "1"),
        fixed("0-0:17.0.0", "90.000*kW", 90_000_000),
        numbers(KWH, "1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2"),
        fixed("1-0:1.8.3", "000000.000*kWh", 0),
        fixed("1-0:1.8.4", "000000.000*kWh", 0),
        numbers(KWH, "1-0:2.8.0", "1-0:2.8.1", "1-0:2.8.2"),
        fixed("1-0:2.8.3", "000000.000*kWh", 0),
        fixed("1-0:2.8.4", "000000.000*kWh", 0),
        numbers(KVARH, *_REACTIVE, *_QUADRANTS),
        numbers(KWH, "1-0:15.8.0"),
        numbers(VOLT, *_VOLTAGES),
        numbers(AMPERE, *_CURRENTS),
        words("1-0:13.7.0"),
        numbers(HERTZ, "1-0:14.7.0"),
        numbers(KW, *_NET),
        fixed("1-0:31.4.0", "200.00*A", 200_000),
        # A month's counters without a word on which they are.
        "0-0:98.1.0(260601000000S)(000040.777*kWh)(000008.950*kWh)(000031.827*kWh)",
        fixed("0-0:96.13.0", "\xff" * 32, "\xff" * 32),
    ),
)
AUSTRIA = Dialect(
    "/EST5\\253710000_A",
    (
        fixed("1-3:0.2.8", "50", "50"),
        clock(),
        numbers(WH, "1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2"),
        numbers(WATT, "1-0:1.7.0"),
        numbers(WH, "1-0:2.8.0", "1-0:2.8.1", "1-0:2.8.2"),
        numbers(WATT, "1-0:2.7.0"),
        numbers(VARH, "1-0:3.8.0"),
        numbers(VAR, "1-0:3.7.0"),
        numbers(VARH, "1-0:4.8.0"),
        numbers(VAR, "1-0:4.7.0"),
    ),
    keys=2,
)
