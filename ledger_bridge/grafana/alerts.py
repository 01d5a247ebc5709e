"""What a steward is told of: alert rules for Grafana, with what to do about each.

Every rule asks `meterkast-months` for one number of each gateway or community. Annotations name
labels as `.Labels.gateway`: a dollar, as in `$labels`, would be filled in when the file is read.

Spec: Grafana 11.6,
<https://grafana.com/docs/grafana/v11.6/alerting/set-up/provision-alerting-resources/file-provisioning/>
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from ledger_bridge.grafana.panels import uid
from ledger_bridge.grafana.provisioning import FOLDERS, yaml
from ledger_bridge.grafana.query import SOURCES
from ledger_bridge.grafana.words import Language
from ledger_bridge.timeseries.schema import BRIDGE, GATEWAY, Measurement

EXPRESSION = "__expr__"
REDUCERS = {"last": "last", "least": "min"}

# Rules are looked at this often, and the hub writes these numbers as often.
EVERY_S = 60

GATEWAYS = ("community", "gateway")
COMMUNITIES = ("community",)

# A gateway holds this many records back only where receipts do not come: a day of a household.
PENDING_MAX = 100
# What the hub writes in a moment; a database that was away for an hour has more to get.
BEHIND_MAX = 1_000
SILENT_MIN = 45
DAY_S = 86_400


class Words(NamedTuple):
    """A rule in one language: its title, what is the matter, and what to do."""

    title: str
    summary: str
    action: str


class Rule(NamedTuple):
    """An alert: it fires once `when` has held for `lasts`.

    `when` is a condition on {last}, the newest number in the range, and {least}, the smallest.
    `dark` is what it makes of a database that says nothing or is not there. `panel` is where it is
    seen on the dashboard of operations.
    """

    name: str
    measurement: Measurement
    field: str
    panel: int
    range_s: int
    when: str
    lasts: str
    severity: Literal["critical", "warning"]
    words: Mapping[Language, Words]
    dark: Literal["KeepLast", "Alerting"] = "KeepLast"

    @property
    def tags(self) -> tuple[str, ...]:
        """What of a number is told apart: gateways, or communities."""
        return GATEWAYS if self.measurement is GATEWAY else COMMUNITIES

    @property
    def influxql(self) -> str:
        by = ", ".join(("time(1m)", *(f'"{tag}"' for tag in self.tags)))
        return (
            f'SELECT last("{self.field}") FROM "{self.measurement.name}"'
            f" WHERE $timeFilter GROUP BY {by} fill(none)"
        )


RULES = (
    Rule(
        "gateway-silent",
        GATEWAY,
        "silent",
        panel=5,
        range_s=600,
        when=f"{{last}} >= {SILENT_MIN}",
        lasts="5m",
        severity="warning",
        words={
            "nl": Words(
                "Kastje zwijgt",
                "{{ .Labels.gateway }} heeft al drie kwartier niets laten horen.",
                "Kijk of het stroom en netwerk heeft. Er gaat niets verloren: wat het intussen"
                " leest, stuurt het later. Zie docs/gateways.md.",
            ),
            "en": Words(
                "Gateway silent",
                "Nothing came from {{ .Labels.gateway }} for three quarters of an hour.",
                "See whether it has power and a network. Nothing is lost: what it reads meanwhile"
                " it sends later. See docs/gateways.md.",
            ),
        },
    ),
    Rule(
        "journal-growing",
        GATEWAY,
        "pending",
        panel=2,
        range_s=3_600,
        when=f"{{least}} > {PENDING_MAX} && {{last}} > {{least}}",
        lasts="30m",
        severity="warning",
        words={
            "nl": Words(
                "Dagboek van kastje groeit",
                "Op {{ .Labels.gateway }} wacht steeds meer op een ontvangstbewijs.",
                "Kijk op de pagina van de centrale of de centrale loopt en wat ze van dit kastje"
                " weigert of vasthoudt. Zie docs/gateways.md en docs/journal.md.",
            ),
            "en": Words(
                "Journal growing",
                "More and more waits on {{ .Labels.gateway }} for a receipt.",
                "See on the hub's page whether the bridge runs, and what it refuses or holds of"
                " this gateway. See docs/gateways.md and docs/journal.md.",
            ),
        },
    ),
    Rule(
        "clock-unset",
        GATEWAY,
        "clock_rank",
        panel=4,
        range_s=600,
        when="{last} < 1",
        lasts="30m",
        severity="warning",
        words={
            "nl": Words(
                "Klok niet gezet",
                "{{ .Labels.gateway }} weet niet hoe laat het is.",
                "Geef het een tijdserver of een meter die de tijd zegt. Tot dan telt wat het leest"
                " pas mee als het weet wanneer dat was. Zie docs/clock.md.",
            ),
            "en": Words(
                "Clock not set",
                "{{ .Labels.gateway }} does not know what time it is.",
                "Give it a time server, or a meter that tells the time. Until then what it reads"
                " counts only once it is known when that was. See docs/clock.md.",
            ),
        },
    ),
    Rule(
        "verify-failed",
        BRIDGE,
        "verified",
        panel=14,
        range_s=600,
        when="{last} < 1",
        lasts="0s",
        severity="critical",
        words={
            "nl": Words(
                "Controle van de boeken vond een verschil",
                "De boeken van {{ .Labels.community }} kloppen niet met het bewijs.",
                "Draai meterkast verify op de centrale: het noemt elk verschil. Schrijf tot dan"
                " niets over en sluit geen maand. Zie docs/proofs.md.",
            ),
            "en": Words(
                "Verify found a difference",
                "The books of {{ .Labels.community }} do not agree with the evidence.",
                "Run meterkast verify on the hub: it names each difference. Until then transfer"
                " nothing and close no month. See docs/proofs.md.",
            ),
        },
    ),
    # A day late for a day; and where there never was one, so it is after a day as well.
    Rule(
        "not-verified",
        BRIDGE,
        "verify_age",
        panel=15,
        range_s=600,
        when=f"{{last}} > {DAY_S}",
        lasts="1d",
        severity="warning",
        dark="Alerting",
        words={
            "nl": Words(
                "Boeken al twee dagen niet gecontroleerd",
                "Er is niet dagelijks nagerekend of de boeken kloppen.",
                "Laat meterkast verify elke dag lopen, en kijk waarom het niet liep. Zie"
                " docs/proofs.md.",
            ),
            "en": Words(
                "Books not verified for two days",
                "The books were not recomputed daily.",
                "Have meterkast verify run each day, and see why it did not. See docs/proofs.md.",
            ),
        },
    ),
    Rule(
        "quarantine-waiting",
        BRIDGE,
        "quarantined",
        panel=17,
        range_s=600,
        when="{last} > 0",
        lasts="5m",
        severity="warning",
        words={
            "nl": Words(
                "Punten geweigerd door de database",
                "De database nam punten van {{ .Labels.community }} niet aan.",
                "Ze zijn bewaard, en de rest gaat door. meterkast hub series zegt welke en waarom."
                " Zie docs/grafana.md.",
            ),
            "en": Words(
                "Points refused by the database",
                "The database did not take points of {{ .Labels.community }}.",
                "They are kept, and the rest goes on. meterkast hub series says which and why. See"
                " docs/grafana.md.",
            ),
        },
    ),
    Rule(
        "series-behind",
        BRIDGE,
        "behind",
        panel=19,
        range_s=1_800,
        when=f"{{least}} > {BEHIND_MAX}",
        lasts="5m",
        severity="critical",
        dark="Alerting",
        words={
            "nl": Words(
                "Grafana loopt achter of krijgt niets",
                "De centrale schrijft al een half uur niet (alles) naar de database.",
                "Kijk of de centrale en de database lopen en of er schijfruimte is. Er gaat niets"
                " verloren: het wordt later geschreven. Zie docs/grafana.md.",
            ),
            "en": Words(
                "Grafana is behind, or gets nothing",
                "For half an hour the hub has not written (all) to the database.",
                "See whether the bridge and the database run, and whether there is room on the"
                " disk. Nothing is lost: it is written later. See docs/grafana.md.",
            ),
        },
    ),
)


def alerting(languages: Iterable[Language], rules: Iterable[Rule] = RULES) -> str:
    """All rules, with their words in these languages, the first one first."""
    spoken = tuple(languages)
    return yaml(
        "What a steward is told of; whom it reaches is set in Grafana (docs/grafana.md).",
        {
            "apiVersion": 1,
            "groups": [
                {
                    "orgId": 1,
                    "name": "meterkast",
                    "folder": FOLDERS[spoken[0]],
                    "interval": f"{EVERY_S}s",
                    "rules": [_rule(rule, spoken) for rule in rules],
                }
            ],
        },
    )


def _rule(rule: Rule, languages: tuple[Language, ...]) -> dict[str, object]:
    said = [rule.words[language] for language in languages]
    reduced = [name for name in REDUCERS if f"{{{name}}}" in rule.when]
    letters = dict(zip(reduced, "BC", strict=False))
    condition = rule.when.format(**{name: f"${letter}" for name, letter in letters.items()})
    return {
        "uid": f"meterkast-{rule.name}",
        "title": " / ".join(words.title for words in said),
        "condition": "D",
        "data": [
            _query(rule),
            *(
                _expression(letter, type="reduce", expression="A", reducer=REDUCERS[name])
                for name, letter in letters.items()
            ),
            _expression("D", type="math", expression=condition),
        ],
        "noDataState": rule.dark,
        "execErrState": rule.dark,
        "for": rule.lasts,
        "dashboardUid": uid("operations", languages[0]),
        "panelId": rule.panel,
        "annotations": {
            "summary": "\n".join(words.summary for words in said),
            "description": "\n".join(words.action for words in said),
        },
        "labels": {"severity": rule.severity, "of": "meterkast"},
    }


def _query(rule: Rule) -> dict[str, object]:
    return {
        "refId": "A",
        "datasourceUid": SOURCES["months"],
        "relativeTimeRange": {"from": rule.range_s, "to": 0},
        "model": {
            "refId": "A",
            "datasource": {"type": "influxdb", "uid": SOURCES["months"]},
            "rawQuery": True,
            "query": rule.influxql,
            "resultFormat": "time_series",
            "intervalMs": EVERY_S * 1_000,
            "maxDataPoints": 1_000,
        },
    }


def _expression(letter: str, **what: str) -> dict[str, object]:
    of = {"type": EXPRESSION, "uid": EXPRESSION}
    model = {"refId": letter, "datasource": of, **what}
    return {"refId": letter, "datasourceUid": EXPRESSION, "model": model}
