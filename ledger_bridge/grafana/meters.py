"""Panels of what a household's meters show: power and voltage where shared, and their counts."""

from collections.abc import Callable

from ledger_bridge.grafana import words
from ledger_bridge.grafana.panels import Column, Line, Panel, Row, Step
from ledger_bridge.grafana.query import HERE, Query, among, chosen, is_, select
from ledger_bridge.grafana.words import Said
from ledger_bridge.timeseries.schema import COUNT, SAMPLE, SAMPLE_QUARTER

OF_ACCOUNT = (HERE, chosen("account"))
_OF_METERS = (*OF_ACCOUNT, among("gateway"), among("device"))
_BY = ("gateway", "device")

# Milli-units in a unit.
_UNIT = 1_000
# Most meters show what is taken and given apart, some the difference.
_POWER = (
    ("1-0:1.7.0", words.TAKEN, False),
    ("1-0:2.7.0", words.GIVEN, True),
    ("1-0:16.7.0", Said("afgenomen min teruggeleverd", "taken less given back"), False),
)
_PHASES = (("1-0:32.7.0", "L1"), ("1-0:52.7.0", "L2"), ("1-0:72.7.0", "L3"))
# A tenth off 230 V. Spec: EN 50160
_LOW_V, _HIGH_V = 207, 253

# Units as counts are read off, and how many of what is in the series make one.
_COUNTED = (("Wh", 1_000_000), ("l", 1_000_000), ("J", 1_000_000_000_000), ("pulse", 1))
_UNITS = {
    "Wh": Said("kWh", "kWh"),
    "l": Said("m³", "m³"),
    "J": Said("GJ", "GJ"),
    "pulse": Said("pulsen", "pulses"),
}

_NOT_SHARED = Said("Dit lid deelt dit niet", "This member does not share this")


def _power(of: Callable[[str], Query]) -> tuple[Line, ...]:
    return tuple(
        Line(of(register), _by_device(said), is_below=is_below)
        for register, said, is_below in _POWER
    )


def _by_device(said: Said | str) -> Said:
    spoken = Said(said, said) if isinstance(said, str) else said
    return Said(*(f"{one}, $tag_gateway $tag_device" for one in spoken))


def _now(register: str) -> Query:
    where = *_OF_METERS, is_("register", register)
    return select(f'last("value") / {_UNIT}', SAMPLE, *where, by=_BY)


def _sampled(register: str) -> Query:
    where = *_OF_METERS, is_("register", register)
    return select(f'mean("value") / {_UNIT}', SAMPLE, *where, every="$__interval", by=_BY)


def _kept(register: str) -> Query:
    where = *_OF_METERS, is_("register", register)
    return select(f'mean("mean") / {_UNIT}', SAMPLE_QUARTER, *where, every="$__interval", by=_BY)


def _count(unit: str, size: int) -> Query:
    where, by = (*_OF_METERS, is_("unit", unit)), (*_BY, "meter", "register", "unit")
    return select(f'"value" / {size} AS "value"', COUNT, *where, by=by, newest=True)


PANELS = (
    Row(400, Said("Vermogen en spanning, waar die gedeeld worden", "Power and voltage, if shared")),
    Panel(
        401,
        "words",
        Said("Waarom hier soms niets staat", "Why there may be nothing here"),
        Said(
            "Metingen tussen de kwartieren verlaten het huis alleen als het lid dat wil. Van wie"
            " dat niet wil, of ermee stopt, staat hier niets; de rest van deze pagina klopt ook"
            " zonder. Na drie maanden blijft alleen het gemiddelde van elk kwartier.",
            "What is measured between quarter-hours leaves the home only if the member wants that."
            " Of who does not, or stops, there is nothing here; all else on this page is right"
            " without it. After three months only the mean of each quarter-hour stays.",
        ),
        width=6,
    ),
    Panel(
        402,
        "figures",
        Said("Vermogen nu", "Power now"),
        Said("Wat elke meter het laatst aanwees.", "What each meter showed last."),
        _power(_now),
        unit="watt",
        decimals=0,
        width=6,
        now="15m",
        nothing=_NOT_SHARED,
    ),
    Panel(
        403,
        "lines",
        Said("Vermogen", "Power"),
        Said(
            "Wat elke meter aanwees: omhoog afgenomen, omlaag teruggeleverd; het gemiddelde waar"
            " meer metingen dan punten zijn. Zo vaak gemeten als het kastje stuurt.",
            "What each meter showed: upwards taken, downwards given back; the mean where there are"
            " more measurements than points. Measured as often as the gateway sends.",
        ),
        _power(_sampled),
        unit="watt",
        decimals=0,
        every="1m",
        nothing=_NOT_SHARED,
    ),
    Panel(
        404,
        "lines",
        Said("Spanning", "Voltage"),
        Said(
            "De spanning van elke fase. Onder 207 of boven 253 volt: bel de netbeheerder.",
            "The voltage of each phase. Below 207 or above 253 volts: call the grid operator.",
        ),
        tuple(Line(_sampled(register), _by_device(phase)) for register, phase in _PHASES),
        unit="volt",
        decimals=1,
        steps=(Step(None, "red"), Step(_LOW_V, "green"), Step(_HIGH_V, "red")),
        every="1m",
        nothing=_NOT_SHARED,
    ),
    Panel(
        405,
        "lines",
        Said("Vermogen, lang bewaard", "Power, kept for long"),
        Said(
            "Het gemiddelde van elk kwartier, dat blijft als de metingen zelf weg zijn. De"
            " database maakt het elk uur.",
            "The mean of each quarter-hour, which stays when the measurements themselves are gone."
            " The database makes it each hour.",
        ),
        _power(_kept),
        unit="watt",
        decimals=0,
        every="15m",
        nothing=Said("Nog niets bewaard", "Nothing kept yet"),
    ),
    Row(500, Said("Meters", "Meters")),
    Panel(
        501,
        "table",
        Said("Meterstanden", "Counts"),
        Said(
            "De laatste stand van elk telwerk in de tijd in beeld, en wanneer die is gelezen. Een"
            " meter die is vervangen staat er met twee kenmerken.",
            "The last count of each register in the time in view, and when it was read. A meter"
            " that was replaced is there under two marks.",
        ),
        tuple(Line(_count(unit, size)) for unit, size in _COUNTED),
        width=24,
        order="device",
        columns=(
            Column("gateway", words.GATEWAY),
            Column("device", words.DEVICE),
            Column("register", Said("Telwerk", "Register")),
            Column("value", Said("Stand", "Count"), decimals=3),
            Column("unit", Said("Maat", "Unit"), says=_UNITS),
            Column("Time", Said("Gelezen om", "Read at")),
            Column("meter", Said("Kenmerk van de meter", "Mark of the meter")),
        ),
    ),
)
