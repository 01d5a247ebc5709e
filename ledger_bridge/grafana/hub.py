"""What the hub tells of itself: its books, and how much it takes and has still to do."""

from ledger_bridge.grafana.panels import Line, Panel, Step, figure
from ledger_bridge.grafana.query import HERE, select
from ledger_bridge.grafana.words import Said
from ledger_bridge.timeseries.schema import BRIDGE

DAY_S = 86_400
AGE_STEPS = (Step(None, "green"), Step(DAY_S, "orange"), Step(2 * DAY_S, "red"))
_RIGHT = (Step(None, "red"), Step(1, "green"))
_NONE = (Step(None, "green"), Step(1, "red"))


RATES = {
    "stored": Said("opgeslagen", "stored"),
    "repeated": Said("al gehad", "had already"),
    "refused": Said("geweigerd", "refused"),
    "receipts": Said("ontvangstbewijzen", "receipts"),
}
WAITING = {
    "dirty": Said("te verrekenen", "to be settled"),
    "held": Said("wacht op de beheerder", "waits for a steward"),
    "behind": Said("nog naar Grafana", "still to Grafana"),
    "quarantined": Said("geweigerd door de database", "refused by the database"),
}


def _rate(field: str) -> Line:
    a_minute = f'non_negative_difference(last("{field}"))'
    return Line(select(a_minute, BRIDGE, HERE, every="1m", fill="none"), RATES[field])


HUB = (
    figure(
        14,
        Said("Laatste controle van de boeken", "Last verify of the books"),
        Said(
            "Of alles klopte bij het laatste meterkast verify.",
            "Whether all agreed at the last meterkast verify.",
        ),
        select('last("verified")', BRIDGE, HERE),
    )._replace(
        steps=_RIGHT,
        says={
            "0": Said("er is een verschil", "there is a difference"),
            "1": Said("klopt", "agrees"),
        },
        now="1h",
        nothing=Said("nooit", "never"),
    ),
    figure(
        15,
        Said("Zo lang geleden", "That long ago"),
        Said("Dagelijks is goed.", "Daily is right."),
        select('last("verify_age")', BRIDGE, HERE),
    )._replace(
        unit="s",
        steps=AGE_STEPS,
        now="1h",
        nothing=Said("nooit", "never"),
    ),
    figure(
        16,
        Said("Wacht op de beheerder", "Waits for a steward"),
        Said(
            "Standen, inworpen en reeksen records. meterkast ledger held zegt welke, en wat te"
            " doen.",
            "Counts, deposits and chains of records. meterkast ledger held says which, and what to"
            " do.",
        ),
        select('last("held")', BRIDGE, HERE),
    )._replace(
        steps=(Step(None, "green"), Step(1, "orange")),
        now="1h",
    ),
    figure(
        17,
        Said("Geweigerd door de database", "Refused by the database"),
        Said(
            "Punten die bewaard zijn omdat de database ze niet wilde. meterkast hub series zegt"
            " waarom.",
            "Points that are kept because the database did not want them. meterkast hub series says"
            " why.",
        ),
        select('last("quarantined")', BRIDGE, HERE),
    )._replace(
        steps=_NONE,
        now="1h",
    ),
    Panel(
        18,
        "lines",
        Said("Records per minuut", "Records a minute"),
        Said(
            "Wat de centrale opslaat, en wat ze nog eens kreeg of niet aannam. Weigeren is niet"
            " gewoon: zie de pagina van de centrale.",
            "What the hub stores, and what it got again or did not take. Refusing is not usual: see"
            " the hub's page.",
        ),
        tuple(_rate(field) for field in RATES),
        unit="cpm",
        least=0,
    ),
    Panel(
        19,
        "lines",
        Said("Wat nog te doen is", "What is still to be done"),
        Said(
            "Alles zakt naar nul, behalve wat op de beheerder wacht.",
            "All falls to zero, but for what waits for a steward.",
        ),
        tuple(
            Line(select(f'max("{field}")', BRIDGE, HERE, every="$__interval"), words)
            for field, words in WAITING.items()
        ),
        decimals=0,
        least=0,
        every="1m",
    ),
    Panel(
        20,
        "states",
        Said("Centrale verbonden met de broker", "Hub connected to the broker"),
        Said(
            "Waar ze het niet is, hoort ze geen kastje, en weet ze niet welk kastje er is.",
            "Where it is not, it hears no gateway, and does not know which of them is there.",
        ),
        (
            Line(
                select('min("linked")', BRIDGE, HERE, every="$__interval"),
                Said("centrale", "hub"),
            ),
        ),
        width=24,
        height=4,
        steps=_RIGHT,
        says={"0": Said("nee", "no"), "1": Said("ja", "yes")},
        every="1m",
    ),
)
