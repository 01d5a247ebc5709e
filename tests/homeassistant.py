"""What Home Assistant takes in a device discovery payload, checked apart from what we make.

Written from its documentation and its source of 2024.11, when device discovery came, to 2026.2:
`homeassistant/components/mqtt/{schemas,discovery,sensor,binary_sensor}.py`, `…/sensor/const.py`.
"""

import re
from typing import Any

# By device class: the units that all those versions know, and the state classes.
UNITS = {
    "apparent_power": {"VA"},
    "current": {"A", "mA"},
    "duration": {"d", "h", "min", "s", "ms"},
    "energy": {"GJ", "kWh", "MJ", "MWh", "Wh"},
    "frequency": {"Hz", "kHz", "MHz", "GHz"},
    "gas": {"m³", "ft³", "CCF"},
    "power": {"W", "kW"},
    "power_factor": {"%", None},
    "reactive_power": {"var"},
    "temperature": {"°C", "°F", "K"},
    "voltage": {"V", "mV"},
    "volume": {"L", "mL", "gal", "fl. oz.", "m³", "ft³", "CCF"},
    "water": {"L", "gal", "m³", "ft³", "CCF"},
    "weight": {"kg", "g", "mg", "µg", "oz", "lb", "st"},
    "enum": {None},
}
STATE_CLASSES = {
    "apparent_power": {"measurement"},
    "current": {"measurement"},
    "duration": {"measurement", "total", "total_increasing"},
    "energy": {"total", "total_increasing"},
    "frequency": {"measurement"},
    "gas": {"total", "total_increasing"},
    "power": {"measurement"},
    "power_factor": {"measurement"},
    "reactive_power": {"measurement"},
    "temperature": {"measurement"},
    "voltage": {"measurement"},
    "volume": {"total", "total_increasing"},
    "water": {"total", "total_increasing"},
    "weight": {"measurement", "total", "total_increasing"},
    "enum": set(),
}
BINARY_CLASSES = {"connectivity", "problem"}
COMMON = {
    "platform",
    "unique_id",
    "name",
    "device_class",
    "entity_category",
    "enabled_by_default",
    "state_topic",
    "value_template",
    "availability",
    "availability_mode",
    "json_attributes_topic",
    "json_attributes_template",
}
KEYS = {
    "sensor": COMMON
    | {"unit_of_measurement", "state_class", "suggested_display_precision", "options"},
    "binary_sensor": COMMON | {"payload_on", "payload_off"},
}
TOP = {"device", "origin", "components", "availability", "availability_mode", "state_topic"}
DEVICE = {
    "identifiers",
    "name",
    "manufacturer",
    "model",
    "serial_number",
    "sw_version",
    "hw_version",
    "via_device",
}
TOPIC = re.compile(r"([a-zA-Z0-9_-]+/)+device/[a-zA-Z0-9_-]+/config")


def flaws(topic: str, payload: dict[str, Any]) -> list[str]:
    """Why Home Assistant would refuse a payload or part of it, or warn of it; [] where it takes it.

    Two entities with one name, or a name with the device's in it, are no good names: said as well.
    """
    found = [] if TOPIC.fullmatch(topic) else [f"topic {topic}"]
    found += [f"key {key}" for key in payload.keys() - TOP]
    device, origin = payload.get("device", {}), payload.get("origin", {})
    if not device.get("identifiers") or not device.get("name"):
        found.append("a device without a name or an identifier")
    found += [f"device key {key}" for key in device.keys() - DEVICE]
    if not origin.get("name") or origin.keys() - {"name", "sw_version", "support_url"}:
        found.append("origin")
    found += _available(payload)
    components = payload.get("components", {})
    for key, component in components.items():
        if component.keys() == {"platform"}:
            continue
        shared = {name: payload[name] for name in ("state_topic",) if name in payload}
        found += [f"{key}: {flaw}" for flaw in _component(shared | component)]
        if " " in key:
            found.append(f"{key}: a blank in an id")
    whole = [one for one in components.values() if one.keys() != {"platform"}]
    for field in ("name", "unique_id"):
        values = [one.get(field) for one in whole]
        found += [f"twice {field} {value}" for value in set(values) if values.count(value) > 1]
    return found


def _component(component: dict[str, Any]) -> list[str]:
    platform = component.get("platform")
    if platform not in KEYS:
        return [f"platform {platform}"]
    found = [f"key {key}" for key in component.keys() - KEYS[platform]]
    found += [f"no {key}" for key in ("unique_id", "state_topic", "name") if not component.get(key)]
    found += _available(component)
    if component.get("entity_category", "diagnostic") != "diagnostic":  # a sensor sets nothing
        found.append("entity_category")
    return found + (_sensor(component) if platform == "sensor" else _binary(component))


def _sensor(component: dict[str, Any]) -> list[str]:
    found: list[str] = []
    kind, unit = component.get("device_class"), component.get("unit_of_measurement")
    state = component.get("state_class")
    if kind is not None and unit not in UNITS.get(kind, set()):
        found.append(f"unit {unit} of {kind}")
    if kind is None and state not in {None, "measurement", "total", "total_increasing"}:
        found.append(f"state class {state}")
    if kind is not None and state is not None and state not in STATE_CLASSES.get(kind, set()):
        found.append(f"state class {state} of {kind}")
    if ("options" in component) != (kind == "enum") or component.get("options") == []:
        found.append("options")
    precision = component.get("suggested_display_precision", 0)
    if not isinstance(precision, int) or precision < 0:
        found.append("suggested_display_precision")
    if unit is not None and not unit.strip():
        found.append("an empty unit")
    return found


def _binary(component: dict[str, Any]) -> list[str]:
    kind = component.get("device_class")
    return [] if kind in BINARY_CLASSES else [f"binary device class {kind}"]


def _available(part: dict[str, Any]) -> list[str]:
    found: list[str] = []
    if part.get("availability_mode", "all") not in {"all", "any", "latest"}:
        found.append("availability_mode")
    for one in part.get("availability", []):
        allowed = {"topic", "payload_available", "payload_not_available", "value_template"}
        if not one.get("topic") or one.keys() - allowed:
            found.append("availability")
    return found
