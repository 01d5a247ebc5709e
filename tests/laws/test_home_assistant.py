"""Laws of discovery, for every driver: Home Assistant takes what we make of its examples."""

import json
from decimal import Decimal
from typing import Any, NamedTuple

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reading import COUNTS, UNITS, Reading
from drivers.sdk import Example
from gateway.home.counters import Counters
from gateway.home.discovery import About, Topics, components, device, gateway
from gateway.home.link import state, with_kinds
from tests.homeassistant import flaws
from tests.laws.subjects import EXAMPLES, Subject

TOPICS = Topics("meterkast", "noor", "homeassistant")
# How many of our base units make one of those shown.
PER = {"kWh": 10**3, "kvarh": 10**3, "kVAh": 10**3, "GJ": 10**9, "m³": 10**3, "kg": 10**3}

each_example = pytest.mark.parametrize(
    ("subject", "example"),
    EXAMPLES,
    ids=[f"{subject.name}-{example.name}" for subject, example in EXAMPLES],
)


class Told(NamedTuple):
    readings: dict[str, Reading]
    shown: dict[str, dict[str, Any]]
    payload: dict[str, Any]


def told(name: str, readings: dict[str, Reading], language: str = "en") -> Told:
    """What the home link would say of a device that has said these."""
    counters = Counters({})
    every = with_kinds(readings)
    for register, reading in every.items():
        counters.believe(register, reading, 0.0)
    shown = components(
        every,
        every.keys() - readings.keys(),
        counters.counts,
        identifier=TOPICS.identifier(name),
        language=language,
    )
    payload = device(TOPICS, name, About("a meter", "1.0", "K8"), shown, language=language)
    return Told(every, shown, payload)


def by_register(example: Example) -> dict[str, Reading]:
    return {reading.register: reading for reading in example.readings}


def rendered(template: str, told: bytes) -> str:
    """As Home Assistant does it: the numbers of the JSON are doubles."""
    return (
        jinja2.Environment(autoescape=False)
        .from_string(template)
        .render(value_json=json.loads(told))
    )


@each_example
def test_home_assistant_takes_every_device(subject: Subject, example: Example) -> None:
    for language in ("nl", "en"):
        payload = told(subject.device.name, by_register(example), language).payload
        assert [] == flaws(TOPICS.config(subject.device.name), payload)


@each_example
def test_what_is_shown_is_exactly_what_the_meter_said(subject: Subject, example: Example) -> None:
    said = told(subject.device.name, by_register(example))
    shown = {component["value_template"]: component for component in said.shown.values()}
    for register, reading in said.readings.items():
        for template, component in shown.items():
            if f"['{register}']" not in template or isinstance(reading.value, str):
                continue
            per = PER.get(component.get("unit_of_measurement", ""), 1)
            milli = 1000 if reading.unit in UNITS else 1
            exact = Decimal(reading.value) / milli / per
            assert exact == Decimal(rendered(template, state(said.readings)))


@each_example
def test_every_number_with_a_unit_is_shown(subject: Subject, example: Example) -> None:
    said = told(subject.device.name, by_register(example))
    templates = " ".join(component["value_template"] for component in said.shown.values())
    kept_out = {"raw"} | {register for register in said.readings if ":24.2." in register}
    numbers = {r.register for r in example.readings if not isinstance(r.value, str)} - kept_out
    assert [] == [register for register in numbers if f"['{register}']" not in templates]


def test_how_many_examples_and_components_the_laws_cover() -> None:
    shown = sum(len(told("x", by_register(example)).shown) for _, example in EXAMPLES)
    print(f"{len(EXAMPLES)} examples, {shown} components")
    assert (71, 302) == (len(EXAMPLES), shown)


@given(
    milli=st.integers(0, 999_999_999_999_999),
    unit=st.sampled_from(sorted({"mWh", "mL", "mg", "mvarh"})),
)
def test_a_million_units_are_exact_to_the_last_digit(milli: int, unit: str) -> None:
    said = told("x", {"1-0:1.8.0": Reading("1-0:1.8.0", milli, unit)})
    (component,) = said.shown.values()
    exact = Decimal(milli) / 10**6
    assert exact == Decimal(rendered(component["value_template"], state(said.readings)))


@given(
    readings=st.dictionaries(
        st.text(max_size=12)
        | st.from_regex(r"[0-9]-[0-9]{1,2}:[0-9]{1,2}\.[0-9]{1,2}\.[0-9]", fullmatch=True),
        st.tuples(st.integers(), st.sampled_from(sorted(UNITS.keys() | COUNTS)))
        | st.tuples(st.text(max_size=8), st.just("")),
        max_size=12,
    )
)
def test_home_assistant_takes_whatever_a_meter_calls_its_registers(
    readings: dict[str, tuple[int | str, str]],
) -> None:
    made = {name: Reading(name, value, unit) for name, (value, unit) in readings.items()}
    payload = told("x", made).payload
    assert [] == [flaw for flaw in flaws(TOPICS.config("x"), payload) if "twice" not in flaw]


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        pytest.param({"clock"}, {"there", "clock"}, id="a house of its own"),
        pytest.param(
            {"clock", "hub", "waiting", "problem", "temperature", "under_voltage"},
            {"there", "clock", "hub", "waiting", "problem", "temperature", "under_voltage"},
            id="a house of a community",
        ),
    ],
)
def test_home_assistant_takes_the_gateway_with_what_it_knows(
    facts: set[str], shown: set[str]
) -> None:
    payload = gateway(TOPICS, About("gateway", "1.0"), facts, language="nl")
    assert shown == payload["components"].keys()
    assert [] == flaws(TOPICS.config(), payload)
