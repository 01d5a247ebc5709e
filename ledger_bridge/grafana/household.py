"""A household's dashboard: its quarter-hours and days, what they cost, credits, power, meters."""

from typing import Literal, NamedTuple

from ledger_bridge.grafana import bookings, meters, words
from ledger_bridge.grafana.meters import OF_ACCOUNT
from ledger_bridge.grafana.panels import (
    OF_COMMUNITY,
    SHARING,
    Board,
    Choice,
    Colour,
    Community,
    Line,
    Panel,
    Row,
)
from ledger_bridge.grafana.query import (
    GJ,
    HERE,
    KWH,
    M3,
    Query,
    among,
    chosen,
    is_,
    select,
    values_of,
)
from ledger_bridge.grafana.words import Said
from ledger_bridge.timeseries.schema import COUNT, DAY, QUARTER, SHARED

# Grafana has no gigajoule of its own.
_GIGAJOULE = "suffix:GJ"
_NO_BILL = "without saldering, tax and terugleverkosten"

_CHOICES = (
    OF_COMMUNITY,
    Choice(
        "account",
        words.MEMBER,
        values_of("account", HERE, of=DAY),
        about=Said(
            "Een rekening; meterkast ledger balance zegt van wie die is.",
            "An account; meterkast ledger balance says whose it is.",
        ),
    ),
    SHARING,
    Choice("gateway", words.GATEWAY, values_of("gateway", *OF_ACCOUNT, of=COUNT), is_multi=True),
    Choice(
        "device",
        words.DEVICE,
        values_of("device", *OF_ACCOUNT, among("gateway"), of=COUNT),
        is_multi=True,
    ),
    Choice(
        "price_taken",
        Said("Prijs per kWh, afgenomen (€)", "Price of a kWh taken (€)"),
        default="0.30",
        about=Said("Met een punt: 0.30", "With a point: 0.30"),
    ),
    Choice(
        "price_given",
        Said("Prijs per kWh, teruggeleverd (€)", "Price of a kWh given back (€)"),
        default="0.05",
        about=Said("Met een punt: 0.05", "With a point: 0.05"),
    ),
)


class _Flow(NamedTuple):
    """What flows through a meter, and how it is shown: in `unit`, of which `size` are one."""

    name: str
    words: Said
    colour: Colour
    size: int
    unit: str


_TAKEN = _Flow("taken", words.TAKEN, "orange", KWH, "kwatth")
_GIVEN = _Flow("given", words.GIVEN, "yellow", KWH, "kwatth")
_VOLUMES = (
    _Flow("gas", Said("gas", "gas"), "purple", M3, "m3"),
    _Flow("water", Said("water", "water"), "blue", M3, "m3"),
    _Flow("hot-water", Said("warm water", "hot water"), "red", M3, "m3"),
)
_HEAT = (
    _Flow("heat", Said("warmte", "heat"), "red", GJ, _GIGAJOULE),
    _Flow("cold", Said("koude", "cold"), "blue", GJ, _GIGAJOULE),
)


def board(community: Community) -> Board:
    """The dashboard of one member at a time."""
    return Board(
        "household",
        Said("Huishouden", "Household"),
        Said(
            "Wat één lid afneemt, teruglevert en deelt, wat dat kost, gas, water en warmte, het"
            " tegoed, en de meters. Het lid kies je met zijn rekening.",
            "What one member takes, gives back and shares, what that costs, gas, water and heat,"
            " the balance, and the meters. The member is chosen by account.",
        ),
        _CHOICES,
        (
            *_electricity(community.zone),
            *_cost(community.zone),
            *_piped(community.zone),
            *bookings.of_one(community),
            *meters.PANELS,
        ),
    )


def _quarters(flow: _Flow) -> Query:
    where = *OF_ACCOUNT, is_("flow", flow.name)
    return select(f'sum("gained") / {flow.size}', QUARTER, *where, every="15m")


def _days(flow: _Flow, zone: str, times: str = "") -> Query:
    """What flowed on each day, also over several quarter-hours; `times` a price."""
    where = *OF_ACCOUNT, is_("flow", flow.name)
    return select(f'sum("gained") / {flow.size}{times}', DAY, *where, every="1d", zone=zone)


def _total(flow: _Flow, times: str = "") -> Query:
    """What flowed in the time in view, also over several quarter-hours; `times` a price."""
    what = f'(sum("gained") + sum("spanned")) / {flow.size}{times}'
    return select(what, QUARTER, *OF_ACCOUNT, is_("flow", flow.name))


def _shared(field: str, *, every: Literal["", "15m", "1d"] = "", zone: str = "") -> Query:
    return select(
        f'sum("{field}") / {KWH}', SHARED, *OF_ACCOUNT, chosen("rule"), every=every, zone=zone
    )


def _spanned(flow: _Flow) -> Query:
    where = *OF_ACCOUNT, is_("flow", flow.name), '"spanned" > 0'
    return select(f'sum("spanned") / {flow.size}', QUARTER, *where, every="15m", fill="none")


def _electricity(zone: str) -> tuple[Row | Panel, ...]:
    return (
        Row(100, Said("Stroom", "Electricity")),
        Panel(
            101,
            "bars",
            Said("Per kwartier", "By quarter-hour"),
            Said(
                "Omhoog wat het huis afnam, omlaag wat het teruggaf. De lijnen zeggen wat daarvan"
                " van buren kwam en naar buren ging. Waar niets is gemeten blijft een gat.",
                "Upwards what the home took, downwards what it gave back. The lines say what of it"
                " came from neighbours and went to them. Where nothing was measured there is a"
                " gap.",
            ),
            (
                Line(_quarters(_TAKEN), words.TAKEN, "orange"),
                Line(_quarters(_GIVEN), words.GIVEN, "yellow", is_below=True),
                Line(_shared("got", every="15m"), words.NEIGHBOURS, "green", is_part=True),
                Line(
                    _shared("gave", every="15m"),
                    words.TO_NEIGHBOURS,
                    "blue",
                    is_below=True,
                    is_part=True,
                ),
            ),
            unit="kwatth",
            width=16,
        ),
        Panel(
            102,
            "points",
            Said("Over meer kwartieren", "Over several quarter-hours"),
            Said(
                "Wat na een onderbreking is bijgeteld, bij het laatste kwartier ervan. Niemand weet"
                " wanneer het was, daarom staat het niet in de kwartieren; bij de dagen wel.",
                "What was added after an interruption, at its last quarter-hour. Nobody knows when"
                " it was, so it is not among the quarter-hours; the days have it.",
            ),
            tuple(
                Line(_spanned(one), one.words, one.colour, one.unit)
                for one in (_TAKEN, _GIVEN, *_VOLUMES, *_HEAT)
            ),
            unit="kwatth",
            width=8,
        ),
        Panel(
            103,
            "bars",
            Said("Per dag", "By day"),
            Said(
                "Wat op een dag is afgenomen en teruggeleverd, alles meegeteld; de lijnen zeggen"
                " wat daarvan is gedeeld. Een dag staat vast zodra elk huis erna is gehoord.",
                "What was taken and given back on a day, all of it; the lines say what of it was"
                " shared. A day is certain once every home was heard after it.",
            ),
            (
                Line(_days(_TAKEN, zone), words.TAKEN, "orange"),
                Line(_days(_GIVEN, zone), words.GIVEN, "yellow", is_below=True),
                Line(
                    _shared("got", every="1d", zone=zone), words.NEIGHBOURS, "green", is_part=True
                ),
                Line(
                    _shared("gave", every="1d", zone=zone),
                    words.TO_NEIGHBOURS,
                    "blue",
                    is_below=True,
                    is_part=True,
                ),
            ),
            unit="kwatth",
            width=16,
        ),
        Panel(
            104,
            "figures",
            Said("In deze tijd", "In this time"),
            Said(
                "Alle kwartieren in beeld bij elkaar, ook wat over meer kwartieren is gemeten.",
                "All quarter-hours in view together, with what was measured over several.",
            ),
            (
                Line(_total(_TAKEN), words.TAKEN),
                Line(_total(_GIVEN), words.GIVEN),
                Line(_shared("got"), words.NEIGHBOURS),
                Line(_shared("gave"), words.TO_NEIGHBOURS),
            ),
            unit="kwatth",
            decimals=1,
            width=8,
        ),
    )


def _cost(zone: str) -> tuple[Row | Panel, ...]:
    taken, given = " * ${price_taken:raw}", " * ${price_given:raw}"
    costs, earns = Said("kost", "costs"), Said("levert op", "earns")
    return (
        Row(200, Said("Kosten: kWh keer de ingevulde prijs", "Cost: kWh times the price entered")),
        Panel(
            201,
            "figures",
            Said("Zonder saldering, belasting en terugleverkosten", _NO_BILL.capitalize()),
            Said(
                "Alleen kWh keer de prijs die bovenaan is ingevuld. Dit is geen rekening: zonder"
                " saldering, zonder energiebelasting en btw, zonder vaste kosten, en zonder de"
                " terugleverkosten van de leverancier.",
                "Only kWh times the price entered above. This is no bill: without saldering"
                " (netting over a year), without energy tax and VAT, without standing charges, and"
                " without terugleverkosten (the supplier's charges for feeding in).",
            ),
            (
                Line(_total(_TAKEN, taken), costs, "orange"),
                Line(_total(_GIVEN, given), earns, "yellow"),
            ),
            unit="currencyEUR",
            decimals=2,
            width=8,
        ),
        Panel(
            202,
            "bars",
            Said("Per dag, zonder saldering, belasting en terugleverkosten", f"By day: {_NO_BILL}"),
            Said(
                "Wat elke dag kostte en opleverde tegen de ingevulde prijzen. Geen rekening: zonder"
                " saldering, belasting, vaste kosten en terugleverkosten.",
                "What each day cost and earned at the prices entered. No bill: without saldering"
                " (netting), tax, standing charges and terugleverkosten.",
            ),
            (
                Line(_days(_TAKEN, zone, taken), costs, "orange"),
                Line(_days(_GIVEN, zone, given), earns, "yellow", is_below=True),
            ),
            unit="currencyEUR",
            decimals=2,
            width=16,
        ),
    )


def _piped(zone: str) -> tuple[Row | Panel, ...]:
    """Gas, water and heat; only those that the home has a meter of are drawn."""
    quarter = Said(
        "Wat in elk kwartier door de meter ging. Een gasmeter of een meter op de stadsverwarming"
        " meldt zich soms maar eens per uur: dan staat het bij 'Over meer kwartieren'.",
        "What went through the meter in each quarter-hour. A meter of gas or of district heating"
        " may be heard but once an hour: then it is under 'Over several quarter-hours'.",
    )
    day = Said(
        "Wat op een dag door de meter ging, alles meegeteld.",
        "What went through the meter on a day, all of it.",
    )

    def by_quarter(flows: tuple[_Flow, ...]) -> tuple[Line, ...]:
        return tuple(Line(_quarters(one), one.words, one.colour) for one in flows)

    def by_day(flows: tuple[_Flow, ...]) -> tuple[Line, ...]:
        return tuple(Line(_days(one, zone), one.words, one.colour) for one in flows)

    volumes = Said("Gas en water, per kwartier", "Gas and water, by quarter-hour")
    volume_days = Said("Gas en water, per dag", "Gas and water, by day")
    heat = Said("Warmte en koude, per kwartier", "Heat and cold, by quarter-hour")
    heat_days = Said("Warmte en koude, per dag", "Heat and cold, by day")
    return (
        Row(250, Said("Gas, water en warmte", "Gas, water and heat")),
        Panel(251, "bars", volumes, quarter, by_quarter(_VOLUMES), unit="m3"),
        Panel(252, "bars", volume_days, day, by_day(_VOLUMES), unit="m3"),
        Panel(253, "bars", heat, quarter, by_quarter(_HEAT), unit=_GIGAJOULE),
        Panel(254, "bars", heat_days, day, by_day(_HEAT), unit=_GIGAJOULE),
    )
