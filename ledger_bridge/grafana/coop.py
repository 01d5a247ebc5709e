"""The co-op's dashboard: energy of all homes, credits, who is silent, what was refused, waste."""

from collections.abc import Callable

from ledger_bridge.grafana import bookings, refusals, words
from ledger_bridge.grafana.panels import (
    OF_COMMUNITY,
    SHARING,
    Board,
    Column,
    Community,
    Line,
    Panel,
    Row,
    Step,
)
from ledger_bridge.grafana.query import HERE, KG, KWH, PIECE, Query, chosen, is_, select
from ledger_bridge.grafana.words import Said
from ledger_bridge.timeseries.schema import DAY, DEPOSIT, REFUSAL, SILENCE, STREET

# A meter is heard each quarter-hour; what a steward waits for longer than a day does not come.
SILENT_MIN, DAY_MIN = 45, 1_440

_OF_RULE = (HERE, chosen("rule"))


def board(community: Community) -> Board:
    """The dashboard of a whole community."""
    return Board(
        "coop",
        Said("Coöperatie", "Co-op"),
        Said(
            "Wat de leden samen afnemen, terugleveren en delen, hun tegoeden, wie zwijgt, wat niet"
            " is bijgeschreven, en wat er aan afval is gebracht.",
            "What members take, give back and share together, their credits, who is silent, what"
            " was not credited, and what waste was brought.",
        ),
        (OF_COMMUNITY, SHARING),
        (
            *_now(),
            *_shared(community.zone),
            *bookings.of_all(community),
            *_members(),
            *_waste(community.zone),
        ),
    )


def _now() -> tuple[Row | Panel, ...]:
    return (
        Row(100, Said("Energie van de hele straat", "Energy of the whole street")),
        Panel(
            101,
            "figures",
            Said("Het laatste kwartier", "The last quarter-hour"),
            Said(
                "Wat alle huizen in het laatste kwartier teruggaven en afnamen, en wat daarvan"
                " onderling is gedeeld. Het groeit nog zolang niet elke meter gehoord is.",
                "What all homes gave back and took in the last quarter-hour, and what of it they"
                " shared. It grows as long as not every meter was heard.",
            ),
            (
                Line(select(f'last("produced") / {KWH}', STREET, *_OF_RULE), words.GIVEN),
                Line(select(f'last("used") / {KWH}', STREET, *_OF_RULE), words.TAKEN),
                Line(select(f'last("together") / {KWH}', STREET, *_OF_RULE), words.SHARED),
            ),
            unit="kwatth",
            width=8,
            height=5,
            now="1h",
        ),
        Panel(
            102,
            "figures",
            Said("In deze tijd", "In this time"),
            Said(
                "Alle kwartieren in beeld bij elkaar. Wat een huis van zijn eigen panelen zelf"
                " gebruikt, telt hier niet mee: dat gaat niet langs de meter.",
                "All quarter-hours in view together. What a home uses of its own panels is not in"
                " it: that does not pass its meter.",
            ),
            (
                Line(select(f'sum("produced") / {KWH}', STREET, *_OF_RULE), words.GIVEN),
                Line(select(f'sum("used") / {KWH}', STREET, *_OF_RULE), words.TAKEN),
                Line(select(f'sum("together") / {KWH}', STREET, *_OF_RULE), words.SHARED),
                Line(select(f'sum("left") / {KWH}', STREET, *_OF_RULE), words.LEFT),
            ),
            unit="kwatth",
            decimals=1,
            width=10,
            height=5,
        ),
        Panel(
            103,
            "figures",
            Said("Zelfvoorzienend", "Self-sufficient"),
            Said(
                "Welk deel van wat alle huizen afnamen van buren kwam, en niet van het net.",
                "What part of all that homes took came from neighbours, not from the grid.",
            ),
            (
                Line(
                    select('sum("together") / sum("used") * 100', STREET, *_OF_RULE),
                    words.NEIGHBOURS,
                ),
            ),
            unit="percent",
            decimals=1,
            width=6,
            height=5,
            steps=(Step(None, "orange"), Step(25, "yellow"), Step(50, "green")),
            least=0,
            most=100,
        ),
    )


def _shared(zone: str) -> tuple[Panel, ...]:
    def quarters(what: str) -> Query:
        return select(what, STREET, *_OF_RULE, every="15m")

    def days(what: str) -> Query:
        return select(what, STREET, *_OF_RULE, every="1d", zone=zone)

    def of_day(flow: str) -> Query:
        where = HERE, is_("flow", flow)
        return select(f'sum("gained") / {KWH}', DAY, *where, every="1d", zone=zone)

    return (
        Panel(
            111,
            "bars",
            Said("Afgenomen, per kwartier", "Taken, by quarter-hour"),
            Said(
                "Wat alle huizen afnamen: van buren, en de rest van het net. Waar niets is gemeten"
                " blijft een gat.",
                "What all homes took: from neighbours, and the rest from the grid. Where nothing"
                " was measured there is a gap.",
            ),
            _taken(quarters),
            unit="kwatth",
            is_stacked=True,
        ),
        Panel(
            112,
            "bars",
            Said("Teruggeleverd, per kwartier", "Given back, by quarter-hour"),
            Said(
                "Wat alle huizen teruggaven: aan buren, en wat over was en het net op ging.",
                "What all homes gave back: to neighbours, and what was left over for the grid.",
            ),
            _given(quarters),
            unit="kwatth",
            is_stacked=True,
        ),
        Panel(
            113,
            "bars",
            Said("Gedeeld, per dag", "Shared, by day"),
            Said(
                "Van alles wat op een dag is afgenomen: hoeveel van buren kwam en hoeveel van het"
                " net. Een dag staat vast zodra elk huis erna is gehoord.",
                "Of all that was taken on a day: how much came from neighbours and how much from"
                " the grid. A day is certain once every home was heard after it.",
            ),
            _taken(days),
            unit="kwatth",
            width=8,
            is_stacked=True,
        ),
        Panel(
            114,
            "bars",
            Said("Zelfvoorzienend, per dag", "Self-sufficient, by day"),
            Said(
                "Welk deel van wat op een dag is afgenomen van buren kwam.",
                "What part of what was taken on a day came from neighbours.",
            ),
            (Line(days('sum("together") / sum("used") * 100'), words.NEIGHBOURS, "green"),),
            unit="percent",
            decimals=1,
            width=8,
            least=0,
            most=100,
        ),
        Panel(
            115,
            "bars",
            Said("Alle meters, per dag", "All meters, by day"),
            Said(
                "Wat de meters van alle leden op een dag telden, ook wat over meer kwartieren is"
                " gemeten en dus niet te delen viel.",
                "What the meters of all members counted on a day, also what was measured over"
                " several quarter-hours and so could not be shared.",
            ),
            (
                Line(of_day("taken"), words.TAKEN, "orange"),
                Line(of_day("given"), words.GIVEN, "yellow", is_below=True),
            ),
            unit="kwatth",
            width=8,
        ),
    )


def _taken(by: Callable[[str], Query]) -> tuple[Line, ...]:
    return (
        Line(by(f'sum("together") / {KWH}'), words.NEIGHBOURS, "green"),
        Line(by(f'(sum("used") - sum("together")) / {KWH}'), words.GRID, "orange"),
    )


def _given(by: Callable[[str], Query]) -> tuple[Line, ...]:
    return (
        Line(by(f'sum("together") / {KWH}'), words.TO_NEIGHBOURS, "green"),
        Line(by(f'sum("left") / {KWH}'), words.LEFT, "yellow"),
    )


def _members() -> tuple[Row | Panel, ...]:
    return (
        Row(300, Said("Leden", "Members")),
        Panel(
            301,
            "table",
            Said("Hoe lang geen stand", "How long no count has come"),
            Said(
                "Leden met een meter, en hoe lang geen stand van hen is gekomen. Na een dag: vraag"
                " of het kastje stroom en netwerk heeft. Een lid staat hier met zijn rekening;"
                " meterkast ledger balance zegt wie dat is.",
                "Members who have a meter, and how long no count of them has come. After a day: ask"
                " whether the gateway has power and a network. Members stand here by their account;"
                " meterkast ledger balance says who that is.",
            ),
            (
                Line(
                    select('last("minutes") AS "minutes"', SILENCE, HERE, by=("account",)),
                ),
            ),
            order="-minutes",
            now="15m",
            columns=(
                Column("account", words.MEMBER, link=bookings.HOUSEHOLD),
                Column(
                    "minutes",
                    Said("Zwijgt al", "Silent for"),
                    unit="m",
                    steps=(Step(None, "green"), Step(SILENT_MIN, "yellow"), Step(DAY_MIN, "red")),
                    decimals=0,
                ),
            ),
        ),
        _refused(
            302,
            "meter",
            Said("Meterstanden die niet zijn bijgeschreven", "Counts that were not credited"),
            Said(
                "Hoe vaak een meterstand niet is bijgeschreven, waar, en waarom. Wat op een"
                " beheerder wacht staat op de pagina van de centrale.",
                "How often a count was not credited, where, and why. What waits for a steward is on"
                " the hub's page.",
            ),
        ),
        _refused(
            303,
            "deposit",
            Said("Inworpen die niet zijn bijgeschreven", "Deposits that were not credited"),
            Said(
                "Hoe vaak een inworp niet is bijgeschreven, waar, en waarom.",
                "How often a deposit was not credited, where, and why.",
            ),
        ),
        _refused(
            304,
            "kiosk",
            Said("Niet aangenomen bij de milieustraat", "Not accepted at the recycling point"),
            Said(
                "Hoe vaak het scherm of iemand van het punt iets niet aannam, en waarom.",
                "How often the screen or an operator did not accept something, and why.",
            ),
        ),
    )


def _refused(number: int, what: str, title: Said, about: Said) -> Panel:
    where, by = (HERE, is_("what", what)), ("gateway", "reason")
    return Panel(
        number,
        "table",
        title,
        about,
        (Line(select('sum("times") AS "times"', REFUSAL, *where, by=by)),),
        order="-times",
        columns=(
            Column("reason", words.REASON, says=refusals.SENTENCES[what]),
            Column("gateway", words.GATEWAY, width=160),
            Column("times", words.TIMES, width=70),
        ),
    )


def _waste(zone: str) -> tuple[Row | Panel, ...]:
    kilograms = HERE, is_("unit", "kg")
    what = f'sum("counted") / {KG}'
    return (
        Row(400, Said("Afval", "Waste")),
        Panel(
            401,
            "ranks",
            Said("Per afvalsoort", "By fraction"),
            Said(
                "Kilogrammen die zijn gebracht en meetellen.",
                "Kilograms that were brought and count.",
            ),
            (Line(select(what, DEPOSIT, *kilograms, by=("fraction",)), "$tag_fraction"),),
            unit="masskg",
            width=6,
        ),
        Panel(
            402,
            "bars",
            Said("Per dag", "By day"),
            Said(
                "Kilogrammen die op een dag zijn gebracht en meetellen, per afvalsoort.",
                "Kilograms that were brought on a day and count, by fraction.",
            ),
            (
                Line(
                    select(what, DEPOSIT, *kilograms, every="1d", by=("fraction",), zone=zone),
                    "$tag_fraction",
                ),
            ),
            unit="masskg",
            width=8,
            is_stacked=True,
        ),
        Panel(
            403,
            "ranks",
            Said("Per milieustraat", "By recycling point"),
            Said(
                "Kilogrammen die op elk punt zijn gebracht en meetellen.",
                "Kilograms that were brought to each point and count.",
            ),
            (Line(select(what, DEPOSIT, *kilograms, by=("gateway",)), "$tag_gateway"),),
            unit="masskg",
            width=5,
        ),
        Panel(
            404,
            "ranks",
            Said("Stuks", "Pieces"),
            Said(
                "Wat niet wordt gewogen maar geteld, per afvalsoort.",
                "What is not weighed but counted, by fraction.",
            ),
            (
                Line(
                    select(
                        f'sum("counted") / {PIECE}',
                        DEPOSIT,
                        *(HERE, is_("unit", "piece")),
                        by=("fraction",),
                    ),
                    "$tag_fraction",
                ),
            ),
            decimals=0,
            width=5,
        ),
    )
