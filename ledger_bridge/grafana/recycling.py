"""The dashboard of a recycling point: what is brought, how full its containers are, its scale."""

from ledger_bridge.grafana import refusals
from ledger_bridge.grafana.panels import (
    OF_COMMUNITY,
    Board,
    Choice,
    Column,
    Line,
    Panel,
    Row,
    Step,
    figure,
)
from ledger_bridge.grafana.query import HERE, KG, Query, among, is_, select, values_of
from ledger_bridge.grafana.words import FRACTION, TIMES, Said
from ledger_bridge.timeseries.schema import CONTAINER, DEPOSIT, EMPTYING, REFUSAL, WEIGHT

POINT = Said("Milieustraat", "Recycling point")
WHEN = Said("Wanneer", "When")
WHY = Said("Waarom", "Why")
WEIGHED, COUNTED = is_("unit", "kg"), is_("unit", "piece")
AT_POINT = (HERE, among("gateway"))
THESE = (*AT_POINT, among("fraction"))
REFUSED = "(\"what\" = 'deposit' OR \"what\" = 'kiosk')"
# What is in a container is told when something is brought, and that may be long ago.
LATELY = "92d"
FULL = (Step(None, "green"), Step(70, "orange"), Step(90, "red"))
MISSING = (Step(None, "text"), Step(0.001, "orange"))

CHOICES = (
    OF_COMMUNITY,
    Choice("gateway", POINT, values_of("gateway", HERE, of=DEPOSIT), is_multi=True),
    Choice("fraction", FRACTION, values_of("fraction", HERE, of=DEPOSIT), is_multi=True),
    Choice(
        "capacity",
        Said("Vol bij (kg)", "Full at (kg)"),
        default="300",
        about=Said(
            "Hoeveel kilo er in een van de gekozen containers gaat. Kies een afvalsoort waarvan de"
            " containers even groot zijn.",
            "How many kilograms one of the chosen containers takes. Choose a fraction whose"
            " containers are equally large.",
        ),
    ),
)


def _brought(what: str, unit: str, *by: str) -> Query:
    return select(what, DEPOSIT, *THESE, unit, every="1h", by=by, fill="none")


BROUGHT = (
    figure(
        1,
        Said("Gebracht", "Brought"),
        Said(
            "Wat in deze tijd is gewogen, alle afvalsoorten samen.",
            "What was weighed in this time, all fractions together.",
        ),
        select(f'sum("brought") / {KG}', DEPOSIT, *THESE, WEIGHED),
    )._replace(
        unit="kg",
        decimals=1,
    ),
    figure(
        2,
        Said("Stuks", "Pieces"),
        Said(
            "Wat in deze tijd per stuk is gebracht, zoals lampen en batterijen.",
            "What was brought piece by piece in this time, such as lamps and batteries.",
        ),
        select('sum("brought") / 1000', DEPOSIT, *THESE, COUNTED),
    ),
    figure(
        3,
        Said("Inworpen", "Deposits"),
        Said("Hoe vaak er iets is gebracht.", "How often something was brought."),
        select('sum("bags")', DEPOSIT, *THESE),
    ),
    figure(
        4,
        Said("Niet aangenomen of niet bijgeschreven", "Turned away or not credited"),
        Said(
            "Hoe vaak; waarom staat onderaan.",
            "How often; why stands at the bottom.",
        ),
        select('sum("times")', REFUSAL, *AT_POINT, REFUSED),
    ),
    Panel(
        5,
        "bars",
        Said("Gewicht per uur en afvalsoort", "Mass by hour and fraction"),
        Said(
            "Wat in elk uur is gewogen, ook wat (nog) niet telt. Wat is teruggenomen, staat er niet"
            " in.",
            "What was weighed in each hour, also what does not count (yet), without what was taken"
            " back.",
        ),
        (Line(_brought(f'sum("brought") / {KG}', WEIGHED, "fraction"), "$tag_fraction"),),
        unit="kg",
        is_stacked=True,
    ),
    Panel(
        6,
        "bars",
        Said("Inworpen per uur en afvalsoort", "Deposits by hour and fraction"),
        Said(
            "Hoe vaak er in elk uur iets is gebracht: wanneer het druk is.",
            "How often something was brought in each hour: when it is busy.",
        ),
        (
            Line(
                select('sum("bags")', DEPOSIT, *THESE, every="1h", by=("fraction",), fill="none"),
                "$tag_fraction",
            ),
        ),
        decimals=0,
        is_stacked=True,
    ),
    Panel(
        7,
        "bars",
        Said("Stuks per uur en afvalsoort", "Pieces by hour and fraction"),
        Said("Wat in elk uur per stuk is gebracht.", "What was brought in each hour by the piece."),
        (Line(_brought('sum("brought") / 1000', COUNTED, "fraction"), "$tag_fraction"),),
        decimals=0,
        is_stacked=True,
    ),
    Panel(
        8,
        "bars",
        Said("Gewicht dat telt, en dat niet telt", "Mass that counts, and that does not"),
        Said(
            "Niet telt wat wacht op een besluit, of waar geen spelregel voor is.",
            "What waits for a decision, or has no rule, does not count.",
        ),
        (
            Line(
                _brought(f'sum("counted") / {KG}', WEIGHED), Said("telt", "counts"), colour="green"
            ),
            Line(
                _brought(f'(sum("brought") - sum("counted")) / {KG}', WEIGHED),
                Said("telt niet", "does not count"),
                colour="orange",
            ),
        ),
        unit="kg",
        is_stacked=True,
    ),
)

CONTAINERS = (
    Panel(
        9,
        "ranks",
        Said("Hoe vol elke container is", "How full each container is"),
        Said(
            "Geschat: wat erin is gelegd sinds hij is geleegd, tegen wat erin gaat (bovenaan in te"
            " vullen). Oranje vanaf 70 %, rood vanaf 90 %.",
            "An estimate: what was put in since it was emptied, against what it takes (typed in"
            " above). Orange from 70 %, red from 90 %.",
        ),
        (
            Line(
                select(
                    f'last("inside") * 100 / {KG} / ${{capacity:raw}}',
                    CONTAINER,
                    *THESE,
                    by=("gateway", "fraction"),
                ),
                "$tag_gateway $tag_fraction",
            ),
        ),
        unit="percent",
        decimals=0,
        steps=FULL,
        least=0,
        most=100,
        now=LATELY,
    ),
    Panel(
        10,
        "steps",
        Said("Inhoud van elke container", "What is in each container"),
        Said(
            "Na elke inworp; na het legen begint hij weer bij nul.",
            "After each deposit; after it was emptied it begins at zero again.",
        ),
        (
            Line(
                select(
                    f'last("inside") / {KG}',
                    CONTAINER,
                    *THESE,
                    every="15m",
                    by=("gateway", "fraction"),
                    fill="none",
                ),
                "$tag_gateway $tag_fraction",
            ),
        ),
        unit="kg",
    ),
    Panel(
        11,
        "table",
        Said("Geleegd: gebracht tegen afgevoerd", "Emptied: delivered against hauled"),
        Said(
            "Wat er bij elk legen was gebracht, en wat er op de bon van de inzamelaar staat. Er"
            " mogen een twintigste en 20 kg ontbreken; ontbreekt er meer, dan wacht het op de"
            " beheerder.",
            "What had been delivered at each emptying, and what the haulier has on the ticket. A"
            " twentieth and 20 kg may be missing; what is missing beyond waits for a steward.",
        ),
        (
            Line(
                select(
                    f'"delivered" / {KG} AS "delivered", "hauled" / {KG} AS "hauled",'
                    f' ("delivered" - "hauled") / {KG} AS "missing"',
                    EMPTYING,
                    *THESE,
                    by=("gateway", "fraction"),
                )
            ),
        ),
        unit="kg",
        decimals=1,
        width=24,
        height=6,
        columns=(
            Column("Time", WHEN, unit="dateTimeAsLocal"),
            Column("gateway", POINT),
            Column("fraction", FRACTION),
            Column("delivered", Said("Gebracht", "Delivered")),
            Column("hauled", Said("Afgevoerd", "Hauled")),
            Column("missing", Said("Ontbreekt", "Missing"), steps=MISSING),
        ),
        order="-Time",
        now=LATELY,
    ),
)


def _refused(what: str) -> Line:
    asked = (*AT_POINT, is_("what", what))
    return Line(select('sum("times") AS "times"', REFUSAL, *asked, by=("reason",)))


TIMES_COLUMN = Column("times", TIMES, width=90)

SCALE = (
    Panel(
        12,
        "steps",
        Said("Hoe ver de weegschaal ernaast zit", "How far the scale is off"),
        Said(
            "Bij elk proefgewicht: wat de weegschaal te veel of te weinig toonde, en tussen welke"
            " grenzen dat mag. Loopt het op, laat haar dan nakijken.",
            "At each test weight: what the scale showed too much or too little, and the bounds that"
            " it may be within. Where it grows, have it looked at.",
        ),
        (
            Line(
                select('"error" / 1000', WEIGHT, *AT_POINT, by=("gateway", "device")),
                "$tag_gateway $tag_device",
            ),
            Line(
                select('"allowed" / 1000', WEIGHT, *AT_POINT, by=("gateway", "device")),
                Said("ten hoogste, $tag_gateway $tag_device", "at most, $tag_gateway $tag_device"),
                colour="red",
            ),
            Line(
                select('0 - "allowed" / 1000', WEIGHT, *AT_POINT, by=("gateway", "device")),
                Said("ten minste, $tag_gateway $tag_device", "at least, $tag_gateway $tag_device"),
                colour="red",
            ),
        ),
        unit="massg",
        now=LATELY,
    ),
    Panel(
        13,
        "table",
        Said("Niet aangenomen, omdat…", "Turned away, because…"),
        Said(
            "Hoe vaak iets bij het punt niet werd aangenomen, en waarom.",
            "How often something was turned away at the point, and why.",
        ),
        (_refused("kiosk"),),
        columns=(Column("reason", WHY, says=refusals.KIOSK), TIMES_COLUMN),
        order="-times",
    ),
    Panel(
        14,
        "table",
        Said("Aangenomen en niet bijgeschreven, omdat…", "Taken in and not credited, because…"),
        Said(
            "Hoe vaak iets wel is gebracht en niet telt, in de woorden die het lid leest. Wat op de"
            " beheerder wacht, noemt meterkast ledger held.",
            "How often something was brought and does not count, in the words that the member"
            " reads. What waits for a steward, meterkast ledger held names.",
        ),
        (_refused("deposit"),),
        width=24,
        height=6,
        columns=(Column("reason", WHY, says=refusals.DEPOSIT), TIMES_COLUMN),
        order="-times",
    ),
)

RECYCLING = Board(
    "recycling",
    Said("Milieustraat", "Recycling point"),
    Said(
        "Wat er wordt gebracht, hoe vol de containers zijn en of de weegschaal klopt.",
        "What is brought, how full the containers are, and whether the scale is right.",
    ),
    CHOICES,
    (
        Row(101, Said("Gebracht", "Brought")),
        *BROUGHT,
        Row(102, Said("Containers", "Containers")),
        *CONTAINERS,
        Row(103, Said("Weegschaal en geweigerd", "Scale and refusals")),
        *SCALE,
    ),
)
