"""Home Assistant's discovery: whole payloads as they are said, and what is in none."""

import pytest

from drivers.reading import Reading
from gateway.home.counters import Count
from gateway.home.discovery import About, Topics, components, device, gateway

TOPICS = Topics("meterkast", "noor", "homeassistant")
ENERGY = Reading("1-0:1.8.1", 4_426_500, "mWh", serial="K8")


def test_a_meter_as_home_assistant_is_told_of_it() -> None:
    template = (
        "{{ (value_json['1-0:1.8.1'] / 1000) | round(6) if '1-0:1.8.1' in value_json else '' }}"
    )
    expected = {
        "device": {
            "identifiers": ["meterkast_noor_hall"],
            "name": "Hall",
            "model": "Smart meter",
            "via_device": "meterkast_noor",
            "serial_number": "K8",
        },
        "origin": {"name": "meterkast", "sw_version": "1.0"},
        "availability": [
            {"topic": "meterkast/noor/state"},
            {"topic": "meterkast/noor/dev/hall/avail"},
        ],
        "availability_mode": "all",
        "state_topic": "meterkast/noor/dev/hall/state",
        "components": {
            "1-0-1-8-1-meter-k8": {
                "platform": "sensor",
                "unique_id": "meterkast_noor_hall_1-0-1-8-1-meter-k8",
                "name": "Afgenomen energie, tarief 1",
                "value_template": template,
                "device_class": "energy",
                "unit_of_measurement": "kWh",
                "suggested_display_precision": 3,
                "state_class": "total",
            }
        },
    }
    counts = {"1-0:1.8.1": Count("K8", 4_426_500)}
    shown = components(
        {"1-0:1.8.1": ENERGY}, (), counts, identifier="meterkast_noor_hall", language="nl"
    )
    said = device(TOPICS, "hall", About("Smart meter", "1.0", "K8"), shown, language="nl")
    line = {key for key in said["components"] if key.startswith("line-")}
    assert expected == said | {"components": shown}
    assert {"line-damaged", "line-faults", "line-telegrams", "line-silence"} == line


def test_the_gateway_as_home_assistant_is_told_of_it() -> None:
    expected = {
        "device": {
            "identifiers": ["meterkast_noor"],
            "name": "Meterkast noor",
            "model": "gateway",
            "sw_version": "1.0",
        },
        "origin": {"name": "meterkast", "sw_version": "1.0"},
        "components": {
            "there": {
                "name": "Connection",
                "unique_id": "meterkast_noor_there",
                "entity_category": "diagnostic",
                "state_topic": "meterkast/noor/state",
                "platform": "binary_sensor",
                "device_class": "connectivity",
                "payload_on": "online",
                "payload_off": "offline",
            },
            "clock": {
                "name": "Clock",
                "unique_id": "meterkast_noor_clock",
                "entity_category": "diagnostic",
                "state_topic": "meterkast/noor/health",
                "availability": [{"topic": "meterkast/noor/state"}],
                "platform": "sensor",
                "device_class": "enum",
                "options": ["synced", "held", "meter", "unset"],
                "value_template": "{{ value_json['clock'] }}",
            },
        },
    }
    assert expected == gateway(TOPICS, About("gateway", "1.0"), ["clock"], language="en")


@pytest.mark.parametrize(
    ("register", "reading", "expected"),
    [
        ("1-0:1.7.0", Reading("1-0:1.7.0", 1, "mW"), ("power", "W", "measurement")),
        ("1-0:16.8.0", Reading("1-0:16.8.0", 1, "mWh"), ("energy", "kWh", "total")),
        ("1-0:1.8.0*1", Reading("1-0:1.8.0*1", 1, "mWh"), ("energy", "kWh", None)),
        ("1-0:1.6.0", Reading("1-0:1.6.0", 1, "mW"), ("power", "W", None)),
        ("0-0:98.1.0", Reading("0-0:98.1.0", 1, "mW"), ("power", "W", None)),
        ("1-0:3.8.0", Reading("1-0:3.8.0", 1, "mvarh"), (None, "kvarh", "total")),
        ("1-0:1.8.0", Reading("1-0:1.8.0", 1, "pulse"), (None, "pulses", "total")),
        ("6-0:1.0.0", Reading("6-0:1.0.0", 1, "mJ"), ("energy", "GJ", "total")),
        ("6-0:2.0.0", Reading("6-0:2.0.0", 1, "mL"), ("volume", "m³", "total")),
        ("8-0:1.0.0", Reading("8-0:1.0.0", 1, "mL"), ("water", "m³", "total")),
        ("7-0:3.0.0", Reading("7-0:3.0.0", 1, "mL"), ("gas", "m³", "total")),
        ("net", Reading("net", 1, "mg"), ("weight", "kg", "measurement")),
        ("1-0:13.7.0", Reading("1-0:13.7.0", "0.98"), ("power_factor", None, "measurement")),
    ],
)
def test_what_kind_of_thing_each_register_is(
    register: str, reading: Reading, expected: tuple[str | None, str | None, str | None]
) -> None:
    (shown,) = components({register: reading}, (), {}, identifier="x", language="en").values()
    kind = ("device_class", "unit_of_measurement", "state_class")
    assert expected == tuple(shown.get(key) for key in kind)


@pytest.mark.parametrize(
    "reading",
    [
        Reading("0-0:96.1.1", "K8"),
        Reading("0-0:96.13.0", "a message"),
        Reading("1-0:13.7.0", "capacitive"),
        Reading("raw", 5, "count"),
        Reading("alibi", "00-012345"),
        Reading("0-1:24.2.1", 5, "mL"),
        Reading("it's", 5, "mW"),
    ],
    ids=lambda reading: reading.register,
)
def test_what_is_no_thing_of_its_own(reading: Reading) -> None:
    shown = components({reading.register: reading}, (), {}, identifier="x", language="en")
    assert {} == shown
