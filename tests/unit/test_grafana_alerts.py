"""Alert rules fire on what they are for, and their file is one that Grafana reads."""

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import dataquery_from_json

from ledger_bridge.grafana.alerts import RULES, alerting
from ledger_bridge.timeseries.schema import BRIDGE, GATEWAY, line
from tests.grafana_queries import Span, expand
from tests.influx import MONTHS
from tests.unit.grafana_files import ALERTING

NOW_MS = 1_782_079_200_000
MINUTE_MS = 60_000


def rule_named(name: str) -> dict[str, Any]:
    (group,) = yaml.safe_load(alerting(["en"]))["groups"]
    return next(rule for rule in group["rules"] if rule["uid"] == f"meterkast-{name}")


def fires(rule: dict[str, Any], influx) -> set[str]:
    """Of which gateways or communities a rule holds now, as Grafana's expressions have it."""
    asked, *expressions = rule["data"]
    span = Span(NOW_MS - asked["relativeTimeRange"]["from"] * 1_000, NOW_MS)
    text = expand(asked["model"]["query"], span=span, step_ms=asked["model"]["intervalMs"])
    reducers = {"last": lambda values: values[-1], "min": min}
    held = set()
    for series in influx.query(text, MONTHS):
        values = [value for _, value in series.values if value is not None]
        *reduced, math = (one["model"] for one in expressions)
        numbers = {one["refId"]: reducers[one["reducer"]](values) for one in reduced}
        condition = math["expression"].replace("&&", "and").replace("$", "")
        if eval(condition, numbers):
            held.add(series.tags.get("gateway", series.tags["community"]))
    return held


def write(influx, measurement, field: str, *values: int, of: str = "home") -> None:
    """One number a minute, the last one now."""
    tags = ("zonstraat", of) if measurement is GATEWAY else (of,)
    key = measurement.key(*tags)
    first_ms = NOW_MS - MINUTE_MS * (len(values) - 1)
    influx.write(
        *(line(key, [(field, one)], first_ms + MINUTE_MS * n) for n, one in enumerate(values)),
        database=MONTHS,
    )


GATEWAY_CASES = {
    "silent since 45 minutes": ("gateway-silent", "silent", (0, 44, 45), True),
    "silent for less": ("gateway-silent", "silent", (60, 43, 44), False),
    "more and more waits": ("journal-growing", "pending", (101, 140, 180), True),
    "what waits goes": ("journal-growing", "pending", (180, 140, 101), False),
    "what waits stays": ("journal-growing", "pending", (150, 150, 150), False),
    "little waits": ("journal-growing", "pending", (100, 140, 180), False),
    "no clock": ("clock-unset", "clock_rank", (3, 3, 0), True),
    "a held clock": ("clock-unset", "clock_rank", (0, 0, 1), False),
}
BRIDGE_CASES = {
    "a difference": ("verify-failed", "verified", (1, 1, 0), True),
    "no difference any more": ("verify-failed", "verified", (0, 0, 1), False),
    "verified a day and a second ago": ("not-verified", "verify_age", (86_341, 86_401), True),
    "verified a day ago": ("not-verified", "verify_age", (86_340, 86_400), False),
    "one point refused": ("quarantine-waiting", "quarantined", (0, 1), True),
    "written again": ("quarantine-waiting", "quarantined", (5, 0), False),
    "behind all the time": ("series-behind", "behind", (1_001, 5_000, 1_001), True),
    "up to date for a moment": ("series-behind", "behind", (5_000, 900, 5_000), False),
}


@pytest.mark.parametrize(
    ("name", "field", "values", "is_held"), GATEWAY_CASES.values(), ids=GATEWAY_CASES
)
def test_rules_of_gateways_fire_on_what_they_are_for(influx, name, field, values, is_held):
    write(influx, GATEWAY, field, *values)
    write(influx, GATEWAY, field, *(len(values) * [2]), of="other")
    assert ({"home"} if is_held else set()) == fires(rule_named(name), influx)


@pytest.mark.parametrize(
    ("name", "field", "values", "is_held"), BRIDGE_CASES.values(), ids=BRIDGE_CASES
)
def test_rules_of_the_hub_fire_on_what_they_are_for(influx, name, field, values, is_held):
    write(influx, BRIDGE, field, *values, of="zonstraat")
    assert ({"zonstraat"} if is_held else set()) == fires(rule_named(name), influx)


def test_every_rule_is_tried():
    tried = {name for name, *_ in (*GATEWAY_CASES.values(), *BRIDGE_CASES.values())}
    assert {rule.name for rule in RULES} == tried


def test_a_hub_that_is_gone_is_told_of_once():
    """No numbers come then, and no rule but these two may make an alarm of that."""
    dark = {rule.name for rule in RULES if rule.dark == "Alerting"}
    assert {"series-behind", "not-verified"} == dark


@pytest.mark.parametrize("languages", [("nl",), ("en",), ("nl", "en")])
def test_grafana_can_read_the_rules(languages):
    told = yaml.safe_load(alerting(languages))
    jsonschema.validate(told, ALERTING)
    uids = [rule["uid"] for rule in told["groups"][0]["rules"]]
    assert 7 == len(set(uids)) == len(uids)


def test_expressions_are_such_as_the_sdk_knows():
    register_default_plugins()
    for name in (rule.name for rule in RULES):
        for one in rule_named(name)["data"][1:]:
            known = dataquery_from_json(one["model"], "__expr__")
            assert one["model"] == json.loads(JSONEncoder().encode(known))


def test_annotations_have_nothing_that_grafana_fills_in_when_it_reads_the_file():
    (group,) = yaml.safe_load(alerting(("nl", "en")))["groups"]
    for rule in group["rules"]:
        said = "".join((rule["title"], *rule["annotations"].values(), *rule["labels"].values()))
        assert "$" not in said
        named = set(re.findall(r"\.Labels\.(\w+)", said))
        assert named <= set(re.findall(r'"(\w+)"', rule["data"][0]["model"]["query"]))


def test_pages_that_rules_send_people_to_are_there():
    pages = set(re.findall(r"docs/\S+?\.md", alerting(("nl", "en"))))
    assert {"docs/gateways.md", "docs/clock.md"} <= pages
