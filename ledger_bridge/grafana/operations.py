"""The dashboard of operations: how gateways, their lines and clocks, and the bridge fare."""

from typing import Final

from ledger_bridge.grafana.hub import HUB
from ledger_bridge.grafana.panels import (
    OF_COMMUNITY,
    Board,
    Choice,
    Column,
    Line,
    Link,
    Panel,
    Row,
    Step,
)
from ledger_bridge.grafana.query import HERE, among, select, values_of
from ledger_bridge.grafana.words import GATEWAY as KASTJE
from ledger_bridge.grafana.words import Said
from ledger_bridge.timeseries.schema import BRIDGE, FAULT, GATEWAY, LINE

THESE = (HERE, among("gateway"))
OF_LINE = "$tag_gateway $tag_device"
SPAN: Final = "$__interval"

NO_YES = {"0": Said("nee", "no"), "1": Said("ja", "yes")}
BAD_IF_NOT = (Step(None, "red"), Step(1, "green"))
BAD_IF_ANY = (Step(None, "green"), Step(1, "red"))
CLOCKS = {
    "0": Said("niet gezet", "not set"),
    "1": Said("loopt los", "runs freely"),
    "2": Said("volgens de meter", "by the meter"),
    "3": Said("loopt gelijk", "in step"),
}
CLOCK_STEPS = (Step(None, "red"), Step(1, "orange"), Step(2, "yellow"), Step(3, "green"))
# As the hub itself: after three quarter-hours without evidence.
SILENCE_STEPS = (Step(None, "green"), Step(45, "red"))
WAITING_STEPS = (Step(None, "green"), Step(100, "orange"), Step(1_000, "red"))
LAG_STEPS = (Step(None, "green"), Step(900, "orange"), Step(3_600, "red"))
# Below 200 MB a gateway says so itself, and begins to make room at 50 MB.
DISK_STEPS = (Step(None, "red"), Step(200_000_000, "orange"), Step(1_000_000_000, "green"))
# A Pi slows down from 80 °C on.
HEAT_STEPS = (Step(None, "green"), Step(70, "orange"), Step(80, "red"))
WEAR_STEPS = (Step(None, "green"), Step(500_000_000, "orange"), Step(2_000_000_000, "red"))
DAMAGE_STEPS = (Step(None, "green"), Step(1, "orange"), Step(5, "red"))

_LAST = {
    "online": 'last("online")',
    "silent": 'last("silent")',
    "clock_rank": 'last("clock_rank")',
    "pending": 'last("pending")',
    "lag": 'last("lag") / 1000',
    "overdue": 'last("overdue") / 1000',
    "disk_free": 'last("disk_free")',
    "written_day": 'last("written_day")',
    "temperature": 'last("temperature") / 1000',
    "low_voltage": 'last("low_voltage")',
    "alarms": 'last("alarms")',
}


def _by_gateway(what: str) -> tuple[Line]:
    by = ("gateway",)
    return (Line(select(what, GATEWAY, *THESE, every=SPAN, by=by), "$tag_gateway"),)


def _by_line(what: str) -> tuple[Line]:
    by = ("gateway", "device")
    return (Line(select(what, LINE, *THESE, every=SPAN, by=by), OF_LINE),)


GATEWAYS = (
    Panel(
        1,
        "table",
        Said("Kastjes", "Gateways"),
        Said(
            "Hoe elk kastje er nu voor staat. Zijn naam leidt naar het huis, verbonden naar de"
            " milieustraat die het is.",
            "How each gateway fares now. Its name leads to the household, connected to the"
            " recycling point that it is.",
        ),
        (
            Line(
                select(
                    ", ".join(f'{what} AS "{name}"' for name, what in _LAST.items()),
                    GATEWAY,
                    *THESE,
                    by=("gateway",),
                )
            ),
        ),
        width=24,
        height=10,
        columns=(
            Column(
                "gateway",
                KASTJE,
                link=Link(
                    Said("Het huishouden", "The household"),
                    "household",
                    {"community": "$community", "gateway": "${__value.raw}"},
                ),
            ),
            Column(
                "online",
                Said("Verbonden", "Connected"),
                steps=BAD_IF_NOT,
                says=NO_YES,
                link=Link(
                    Said("De milieustraat", "The recycling point"),
                    "recycling",
                    {"community": "$community", "gateway": "${__data.fields[0]}"},
                ),
            ),
            Column("silent", Said("Zwijgt al", "Silent for"), unit="m", steps=SILENCE_STEPS),
            Column("clock_rank", Said("Klok", "Clock"), steps=CLOCK_STEPS, says=CLOCKS),
            Column("pending", Said("Wacht", "Waits"), steps=WAITING_STEPS),
            Column("lag", Said("Vertraging", "Lag"), unit="s", steps=LAG_STEPS),
            Column("overdue", Said("Bewijs te laat", "Receipt late"), unit="s", steps=LAG_STEPS),
            Column("disk_free", Said("Vrij", "Free"), unit="decbytes", steps=DISK_STEPS),
            Column(
                "written_day",
                Said("Geschreven per dag", "Written a day"),
                unit="decbytes",
                steps=WEAR_STEPS,
            ),
            Column(
                "temperature",
                Said("Temperatuur", "Temperature"),
                unit="celsius",
                steps=HEAT_STEPS,
                decimals=0,
            ),
            Column(
                "low_voltage",
                Said("Te weinig spanning", "Too little voltage"),
                steps=BAD_IF_ANY,
                says=NO_YES,
            ),
            Column("alarms", Said("Meldingen", "Alarms"), steps=BAD_IF_ANY),
        ),
        order="-silent",
        now="1h",
    ),
    Panel(
        2,
        "lines",
        Said("Wat wacht op een ontvangstbewijs", "What waits for a receipt"),
        Said(
            "Records in het dagboek van elk kastje. Dat het even stijgt is niets: het zakt weer als"
            " het kastje de centrale bereikt.",
            "Records in the journal of each gateway. That it rises for a while is nothing: it falls"
            " when the gateway reaches the hub.",
        ),
        _by_gateway('max("pending")'),
        steps=WAITING_STEPS,
        least=0,
        every="1m",
    ),
    Panel(
        3,
        "lines",
        Said("Vertraging tot de centrale", "Lag to the hub"),
        Said(
            "Hoe lang het duurde van het maken van een record tot de centrale het had.",
            "How long it took from a record's making until the hub had it.",
        ),
        _by_gateway('max("lag") / 1000'),
        unit="s",
        steps=LAG_STEPS,
        least=0,
        every="1m",
    ),
    Panel(
        4,
        "states",
        Said("Hoe de klok ervoor staat", "How the clock fares"),
        Said(
            "Niet gezet: wat het kastje leest telt pas als het weet hoe laat het was. Loopt los:"
            " gezet, maar niemand houdt hem gelijk.",
            "Not set: what the gateway reads counts once it knows what time it was. Runs freely:"
            " it was set, and nobody keeps it in step.",
        ),
        _by_gateway('min("clock_rank")'),
        steps=CLOCK_STEPS,
        says=CLOCKS,
        every="1m",
    ),
    Panel(
        5,
        "states",
        Said("Verbonden met de centrale", "Connected to the hub"),
        Said(
            "Een kastje dat even weg is, verliest niets: het bewaart wat het leest.",
            "A gateway that is away for a while loses nothing: it keeps what it reads.",
        ),
        _by_gateway('min("online")'),
        steps=BAD_IF_NOT,
        says=NO_YES,
        every="1m",
    ),
)

MACHINES = (
    Panel(
        6,
        "lines",
        Said("Geschreven per dag", "Written a day"),
        Said(
            "Wat elk kastje per dag op zijn kaart schrijft. Vuistregel: een kaart is versleten als"
            " ze vijfhonderd keer vol is geschreven, en kleine beetjes tellen tien keer. Bij 100 MB"
            " per dag gaat 16 GB zo twintig jaar mee, bij 2 GB per dag één jaar.",
            "What each gateway writes to its card a day. A rule of thumb: a card is worn out after"
            " it was written full five hundred times, and small bits count ten times. At 100 MB a"
            " day 16 GB last for twenty years, at 2 GB a day for one.",
        ),
        _by_gateway('max("written_day")'),
        unit="decbytes",
        steps=WEAR_STEPS,
        least=0,
        every="1h",
    ),
    Panel(
        7,
        "lines",
        Said("Vrij op de kaart", "Free on the card"),
        Said(
            "Onder 50 MB maakt het dagboek ruimte; wat de centrale niet heeft, gaat nooit weg.",
            "Below 50 MB the journal makes room; what the hub does not have never goes.",
        ),
        _by_gateway('min("disk_free")'),
        unit="decbytes",
        least=0,
        every="1h",
    ),
    Panel(
        8,
        "lines",
        Said("Temperatuur", "Temperature"),
        Said(
            "Van de processor. Boven 80 °C wordt een Pi trager.",
            "Of the processor. Above 80 °C a Pi slows down.",
        ),
        _by_gateway('max("temperature") / 1000'),
        unit="celsius",
        steps=HEAT_STEPS,
        every="1m",
    ),
    Panel(
        9,
        "states",
        Said("Te weinig spanning", "Too little voltage"),
        Said(
            "De voeding of de kabel is te zwak: de Pi kan stilvallen en de kaart beschadigen.",
            "The power supply or its cable is too weak: the Pi may stop and damage its card.",
        ),
        _by_gateway('max("low_voltage")'),
        steps=BAD_IF_ANY,
        says=NO_YES,
        every="1m",
    ),
)

LINES = (
    Panel(
        10,
        "states",
        Said("Lijnen naar meters en weegschalen", "Lines to meters and scales"),
        Said(
            "Groen waar het apparaat te horen is; rood waar het zwijgt of de lijn weg is.",
            "Green where the device is heard; red where it is silent or the line is lost.",
        ),
        _by_line('min("up")'),
        steps=BAD_IF_NOT,
        says=NO_YES,
        every="1m",
        height=10,
    ),
    Panel(
        11,
        "bars",
        Said("Storingen naar soort", "Faults by kind"),
        Said(
            "Wat er per kwartier niet te geloven was: checksum en cut wijzen op de kabel, noise op"
            " een verkeerde snelheid, silent op een apparaat dat geen antwoord gaf.",
            "What could not be believed each quarter-hour: checksum and cut point to the cable,"
            " noise to a wrong speed, silent to a device that gave no answer.",
        ),
        (
            Line(
                select(
                    'non_negative_difference(last("so_far"))',
                    FAULT,
                    *THESE,
                    every="15m",
                    by=("gateway", "device", "fault_kind"),
                    fill="none",
                ),
                "$tag_gateway $tag_device $tag_fault_kind",
            ),
        ),
        decimals=0,
        is_stacked=True,
        height=10,
    ),
    Panel(
        12,
        "lines",
        Said("Beschadigd op de lijn", "Damaged on the line"),
        Said(
            "Welk deel van de laatste telegrammen niet te geloven was.",
            "Which share of the latest telegrams could not be believed.",
        ),
        _by_line('max("damaged") / 10000'),
        width=24,
        unit="percent",
        steps=DAMAGE_STEPS,
        least=0,
        every="1m",
    ),
)


OPERATIONS = Board(
    "operations",
    Said("Beheer", "Operations"),
    Said(
        "Hoe de kastjes, hun lijnen en klokken, en de centrale ervoor staan.",
        "How the gateways, their lines and clocks, and the hub fare.",
    ),
    (
        OF_COMMUNITY._replace(query=values_of("community", of=BRIDGE)),
        Choice("gateway", KASTJE, values_of("gateway", HERE, of=GATEWAY), is_multi=True),
    ),
    (
        Row(101, Said("Kastjes", "Gateways")),
        *GATEWAYS,
        Row(102, Said("De kastjes zelf", "The machines")),
        *MACHINES,
        Row(103, Said("Lijnen", "Lines")),
        *LINES,
        Row(104, Said("De centrale", "The hub")),
        *HUB,
    ),
    since="now-24h",
    refresh="1m",
)
