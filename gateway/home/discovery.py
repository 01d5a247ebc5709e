"""What Home Assistant is told of our devices, so that they appear there by themselves. Pure.

One message per device lists everything it can show. A register is in it once it has been read, and
from then on for good: what is taken out must be said to be gone.
Spec: Home Assistant, MQTT, "Device discovery payload"; Sensor, "Available device classes".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from drivers.reading import COUNTS, UNITS, Reading
from gateway.home.counters import Count, is_counter
from gateway.meanings import MEANINGS, Meaning, meaning

Payload = dict[str, Any]

ORIGIN = "meterkast"


class _Show(NamedTuple):
    """How a unit is shown: `per` of our base units make one `unit`, `decimals` keeps it exact."""

    device_class: str | None
    unit: str
    per: int = 1
    decimals: int = 0
    shown: int = 0


# No class for reactive energy: Home Assistant has one only since 2025 and refuses what it does not
# know. A double holds 15 digits: a million kWh to the mWh, and a thousand GJ to the joule.
_SHOWN = {
    "mWh": _Show("energy", "kWh", 1000, 6, 3),
    "mvarh": _Show(None, "kvarh", 1000, 6, 3),
    "mVAh": _Show(None, "kVAh", 1000, 6, 3),
    "mJ": _Show("energy", "GJ", 10**9, 9, 3),
    "mL": _Show("volume", "m³", 1000, 6, 3),
    "mg": _Show("weight", "kg", 1000, 6, 3),
    "mW": _Show("power", "W"),
    "mvar": _Show("reactive_power", "var"),
    "mVA": _Show("apparent_power", "VA"),
    "mV": _Show("voltage", "V", shown=1),
    "mA": _Show("current", "A", shown=2),
    "mHz": _Show("frequency", "Hz", shown=2),
    "m°C": _Show("temperature", "°C", shown=1),
    "ms": _Show("duration", "s"),
    "pulse": _Show(None, "pulses"),
    "piece": _Show(None, "pieces"),
    "count": _Show(None, ""),
}
assert _SHOWN.keys() == UNITS.keys() | COUNTS

# A volume of these is more than a volume.
_FLUIDS = {"gas": "gas", "water": "water", "hot water": "water"}
_MEDIA = {"7": "gas", "8": "water", "9": "water"}
# Text that says something to people, and whether only to those who look for a fault.
_TEXTS = {"0-0:96.14.0": False, "status": True}
_POWER_FACTOR = re.compile(r"1-\d+:(13|33|53|73)\.7\.0")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
# What may stand in a template: a map of registers may call one anything.
_NAMEABLE = re.compile(r"[\w.:*-]+")
# The highest and the average of a time, and what belongs to another time: no statistics of these.
_OF_A_TIME = re.compile(r"\*|^0-0:98\.1\.0|^1-\d+:1\.[46]\.")
# Counters of the meters on M-Bus channels are shown by what they count, not by their channel.
_CHANNEL_COUNT = re.compile(r"0-[1-9]\d*:24\.2\.\d+")


class Topics(NamedTuple):
    """Where things are said on the home link: `<root>/<gateway>/…` and `<prefix>/device/…`."""

    root: str
    gateway: str
    prefix: str

    @property
    def state(self) -> str:
        return f"{self.root}/{self.gateway}/state"

    @property
    def health(self) -> str:
        return f"{self.root}/{self.gateway}/health"

    def device(self, name: str, leaf: str) -> str:
        """`leaf` is one of state, avail, line."""
        return f"{self.root}/{self.gateway}/dev/{name}/{leaf}"

    def config(self, name: str = "") -> str:
        """Where a device is described, without a name the gateway itself."""
        return f"{self.prefix}/device/{self.identifier(name)}/config"

    def identifier(self, name: str = "") -> str:
        """No id has a _: `a-b` with `c` is not `a` with `b-c`."""
        return "_".join(part for part in (self.root, self.gateway, name) if part)


def components(
    readings: Mapping[str, Reading],
    kinds: Iterable[str],
    counts: Mapping[str, Count],
    *,
    identifier: str,
    language: str,
) -> dict[str, Payload]:
    """Everything that can be shown of these registers, by an id that says which count it is.

    `kinds` are those of the registers that stand for a meter behind this one, as in `by_kind`.
    """
    found: dict[str, Payload] = {}
    for register, reading in readings.items():
        if not _NAMEABLE.fullmatch(register):
            continue
        shown = _sensor(register, reading, register if register in kinds else "", language)
        if shown:
            count = counts.get(register)
            key = _key(register, count)
            if count and count.life > 1:
                shown["name"] += f" ({count.life})"
            found[key] = {"platform": "sensor", "unique_id": f"{identifier}_{key}", **shown}
    return found


def grown(before: Mapping[str, Payload], now: Mapping[str, Payload]) -> dict[str, Payload]:
    """All that was ever shown; what another takes the place of is said to be gone.

    Spec: Home Assistant removes a component of which nothing but the platform is told.
    """
    templates = {component["value_template"] for component in now.values()}
    replaced = {
        key: component
        for key, component in before.items()
        if key not in now and component.get("value_template") in templates
    }
    return {**before, **gone(replaced), **now}


def gone(before: Mapping[str, Payload]) -> dict[str, Payload]:
    """These components, said to be no more."""
    return {key: {"platform": component["platform"]} for key, component in before.items()}


def _key(register: str, count: Count | None) -> str:
    """A counter of another meter is another thing: statistics must not run from one to the next."""
    parts = [register]
    if count and count.serial:
        parts += ["meter", count.serial]
    if count and count.anew > 1:
        parts += ["anew", str(count.anew)]
    return re.sub(r"[^a-zA-Z0-9]+", "-", "-".join(parts)).strip("-").lower()


def _sensor(register: str, reading: Reading, kind: str, language: str) -> Payload | None:
    """What Home Assistant shows of a register; None where that would tell nobody anything."""
    known = MEANINGS[kind.replace("_", " ")] if kind else meaning(register, reading.unit)
    name = _capital(known.words(language) if known else register)
    told = f"value_json['{register}']"
    if isinstance(reading.value, str):
        return _text(register, reading.value, name, told)
    show = _SHOWN[reading.unit]
    if _CHANNEL_COUNT.fullmatch(register) or (reading.unit == "count" and known is None):
        return None
    shown: Payload = {"name": name, "value_template": _template(told, show, register)}
    device_class = show.device_class
    if device_class == "volume":
        medium = register.partition("-")[0] if ":" in register else ""
        is_carrier = register.startswith("6-")
        device_class = _FLUIDS.get(kind.replace("_", " ")) or (
            "volume" if is_carrier else _MEDIA.get(medium, "volume")
        )
    if device_class:
        shown["device_class"] = device_class
    if show.unit:
        shown["unit_of_measurement"] = show.unit
        shown["suggested_display_precision"] = show.shown
    if reading.unit in {"count", "ms"}:
        shown["entity_category"] = "diagnostic"
    elif not _OF_A_TIME.search(register):
        counts = is_counter(register, reading.unit) or reading.unit in {"mWh", "mvarh", "mVAh"}
        shown["state_class"] = "total" if counts else "measurement"
    return shown


def _template(told: str, show: _Show, register: str) -> str:
    """The exact decimal that the meter shows; nothing where the register is not there yet."""
    value = told if show.per == 1 else f"({told} / {show.per}) | round({show.decimals})"
    return f"{{{{ {value} if '{register}' in value_json else '' }}}}"


def _text(register: str, value: str, name: str, told: str) -> Payload | None:
    if _POWER_FACTOR.fullmatch(register) and _NUMBER.fullmatch(value):
        return {
            "name": name,
            "value_template": f"{{{{ {told} if '{register}' in value_json else '' }}}}",
            "device_class": "power_factor",
            "state_class": "measurement",
            "suggested_display_precision": 2,
        }
    if register not in _TEXTS:
        return None
    category = {"entity_category": "diagnostic"} if _TEXTS[register] else {}
    return {"name": name, "value_template": f"{{{{ value_json.get('{register}') }}}}", **category}


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


class About(NamedTuple):
    """What Home Assistant says of a device: its kind, its number, and our version."""

    model: str
    version: str
    serial: str = ""


def device(
    topics: Topics, name: str, about: About, shown: Mapping[str, Payload], *, language: str
) -> Payload:
    """One device with what it shows, `components`, and how well its line is heard."""
    owner = {
        "identifiers": [topics.identifier(name)],
        "name": _capital(name),
        "model": about.model,
        "via_device": topics.identifier(),
    }
    # A line that is lost is when people look here: only the gateway must be there.
    of_line = {
        "state_topic": topics.device(name, "line"),
        "availability": [{"topic": topics.state}],
    }
    line = _diagnostics(_LINE, topics.identifier(name), language, of_line)
    return {
        "device": owner | ({"serial_number": about.serial} if about.serial else {}),
        "origin": {"name": ORIGIN, "sw_version": about.version},
        "availability": [{"topic": topics.state}, {"topic": topics.device(name, "avail")}],
        "availability_mode": "all",
        "state_topic": topics.device(name, "state"),
        "components": {**shown, **line},
    }


def gateway(topics: Topics, about: About, facts: Iterable[str], *, language: str) -> Payload:
    """The gateway itself: whether it is there, and those `facts` that it knows of itself."""
    identifier = topics.identifier()
    common = {"state_topic": topics.health, "availability": [{"topic": topics.state}]}
    known = {fact: _GATEWAY[fact] for fact in facts if fact in _GATEWAY}
    if "problem" in known:
        known["problem"] = known["problem"]._replace(
            own=known["problem"].own | {"json_attributes_topic": topics.health}
        )
    there = _diagnostics(_THERE, identifier, language, {"state_topic": topics.state})
    return {
        "device": {
            "identifiers": [identifier],
            "name": f"{_capital(topics.root)} {topics.gateway}",
            "model": about.model,
            "sw_version": about.version,
        },
        "origin": {"name": ORIGIN, "sw_version": about.version},
        "components": {**there, **_diagnostics(known, identifier, language, common)},
    }


class _Diagnostic(NamedTuple):
    name: Meaning
    own: Payload


def _fact(key: str) -> str:
    return f"{{{{ value_json['{key}'] if '{key}' in value_json else '' }}}}"


_THERE = {
    "there": _Diagnostic(
        Meaning("verbinding", "connection"),
        {
            "platform": "binary_sensor",
            "device_class": "connectivity",
            "payload_on": "online",
            "payload_off": "offline",
        },
    )
}
_GATEWAY = {
    "problem": _Diagnostic(
        Meaning("storing", "problem"),
        {
            "platform": "binary_sensor",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json['problem'] else 'OFF' }}",
            "json_attributes_template": "{{ {'problems': value_json['problem']} | tojson }}",
        },
    ),
    "clock": _Diagnostic(
        Meaning("klok", "clock"),
        {
            "platform": "sensor",
            "device_class": "enum",
            "options": ["synced", "held", "meter", "unset"],
            "value_template": "{{ value_json['clock'] }}",
        },
    ),
    "temperature": _Diagnostic(
        Meaning("temperatuur", "temperature"),
        {
            "platform": "sensor",
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "state_class": "measurement",
            "suggested_display_precision": 1,
            "value_template": _fact("temperature"),
        },
    ),
    "under_voltage": _Diagnostic(
        Meaning("te lage voedingsspanning", "under-voltage"),
        {
            "platform": "binary_sensor",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json['under_voltage'] else 'OFF' }}",
        },
    ),
    "hub": _Diagnostic(
        Meaning("verbinding met de centrale", "connection to the hub"),
        {
            "platform": "binary_sensor",
            "device_class": "connectivity",
            "value_template": "{{ 'ON' if value_json['hub'] else 'OFF' }}",
        },
    ),
    "waiting": _Diagnostic(
        Meaning("wacht op de centrale", "waiting for the hub"),
        {
            "platform": "sensor",
            "state_class": "measurement",
            "value_template": _fact("waiting"),
        },
    ),
}
_LINE = {
    "line-damaged": _Diagnostic(
        Meaning("beschadigde berichten", "damaged messages"),
        {
            "platform": "sensor",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 1,
            "value_template": _fact("damaged_percent"),
        },
    ),
    "line-faults": _Diagnostic(
        Meaning("storingen op de lijn", "faults on the line"),
        {"platform": "sensor", "value_template": _fact("faults")},
    ),
    "line-telegrams": _Diagnostic(
        Meaning("berichten", "messages"),
        # It changes each minute, and few want that kept.
        {
            "platform": "sensor",
            "enabled_by_default": False,
            "value_template": _fact("telegrams"),
        },
    ),
    "line-silence": _Diagnostic(
        Meaning("langste stilte", "longest silence"),
        {
            "platform": "sensor",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "suggested_display_precision": 0,
            "value_template": _fact("silence_s"),
        },
    ),
}


def _diagnostics(
    wanted: Mapping[str, _Diagnostic], identifier: str, language: str, common: Payload
) -> dict[str, Payload]:
    return {
        key: {
            "name": _capital(one.name.words(language)),
            "unique_id": f"{identifier}_{key}",
            "entity_category": "diagnostic",
            **common,
            **one.own,
        }
        for key, one in wanted.items()
    }
