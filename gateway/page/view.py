"""What the local page says, worked out from the state of the gateway: for the template only."""

from datetime import timedelta
from typing import Any

from drivers.reading import UNITS
from gateway.days import local, local_day, local_midnight_ms
from gateway.history import Counters, counters
from gateway.house import House, now
from gateway.page import chart
from gateway.quarter import QUARTER_MS

MEANINGS = {
    "1-0:1.8.0": "energy taken",
    "1-0:1.8.1": "energy taken, tariff 1",
    "1-0:1.8.2": "energy taken, tariff 2",
    "1-0:2.8.0": "energy given back",
    "1-0:2.8.1": "energy given back, tariff 1",
    "1-0:2.8.2": "energy given back, tariff 2",
    "1-0:1.7.0": "power taken",
    "1-0:2.7.0": "power given back",
    "1-0:15.7.0": "power, either way",
    "1-0:16.7.0": "power (minus: given back)",
    "0-0:96.14.0": "tariff now",
    "6-0:1.0.0": "heat",
    "6-0:8.0.0": "heat flowing",
    "6-0:10.0.0": "flow temperature",
    "6-0:11.0.0": "return temperature",
    "5-0:1.0.0": "cold",
    "7-0:3.0.0": "gas",
    "8-0:1.0.0": "water",
    "8-0:2.0.0": "water flowing",
    "9-0:1.0.0": "hot water",
    "gross": "gross weight",
    "net": "net weight",
    "tare": "tare",
}
HOUR_MS = 3_600_000
# What people write a milli-unit in, and how many of it make one.
LARGE = {
    "mWh": ("kWh", 10**6),
    "mJ": ("GJ", 10**12),
    "mW": ("kW", 10**6),
    "mg": ("kg", 10**6),
    "mL": ("m³", 10**6),
}
# What is worth a name and not a place of its own.
DETAILS = {
    "0-0:96.1.0": "serial number",
    "0-0:96.1.1": "serial number",
    "0-0:1.0.0": "the meter's clock",
    "1-0:13.7.0": "power factor",
    "1-0:14.7.0": "frequency",
    "6-0:2.0.0": "water that carried the heat",
    "6-0:9.0.0": "its flow",
    "outside-temperature": "temperature outside",
    "operating-time": "hours of operation",
    **{
        f"1-0:{20 * phase + code}.7.0": f"{what}, phase {phase}"
        for phase in (1, 2, 3)
        for code, what in {
            1: "power taken",
            2: "power given back",
            11: "current",
            12: "voltage",
            16: "power",
        }.items()
    },
}


def clock_text(utc_ms: int | None) -> str:
    if utc_ms is None:
        return "never"
    at = local(utc_ms)
    return at.strftime("%H:%M:%S")


def context(house: House) -> dict[str, Any]:
    """Everything the template names."""
    said: dict[str, Any] = now(house)
    utc_ms = int(said["utc_ms"])
    day = local_day(utc_ms)
    return {
        **said,
        "day": day.strftime("%A %-d %B %Y"),
        "time": clock_text(utc_ms),
        "power": _power(said["devices"]),
        "today": _today(house, utc_ms),
        "meters": [_meter(name, device) for name, device in said["devices"].items()],
        "kiosk": said.get("kiosk"),
    }


def _power(devices: dict[str, Any]) -> dict[str, Any] | None:
    """Net power now in W, of the first meter that tells it; None where none does.

    A contact knows the power of what it counts, which is not the house's.
    """
    for device in devices.values():
        readings = device["readings"]
        if any(reading["unit"] == "pulse" for reading in readings.values()):
            continue
        taken, given = readings.get("1-0:1.7.0"), readings.get("1-0:2.7.0")
        both = readings.get("1-0:16.7.0")
        if taken or given or both:
            net = (
                _whole_watts(taken) - _whole_watts(given) if taken or given else _whole_watts(both)
            )
            return {"watts": abs(net), "gives": net < 0, "at": clock_text(device["last_ms"])}
    return None


def _whole_watts(reading: dict[str, Any] | None) -> int:
    """Rounded half up."""
    return (int(reading["value"]) + 500) // 1000 if reading else 0


def _today(house: House, utc_ms: int) -> dict[str, Any] | None:
    """The chart of the first meter that counts energy."""
    start_ms = local_midnight_ms(local_day(utc_ms))
    end_ms = local_midnight_ms(local_day(utc_ms) + timedelta(days=1))
    for name, device in house.devices.items():
        count = counters(device.readings)
        if count == Counters(None, None):
            continue
        day = chart.quarters(
            house.intake.history.quarters[name],
            count,
            start_ms=start_ms,
            end_ms=end_ms,
            now_ms=utc_ms,
        )
        taken, given = chart.counted(
            house.intake.history.quarters[name], count, start_ms=start_ms, end_ms=end_ms
        )
        slots = (end_ms - start_ms) // QUARTER_MS
        hour_of = {slot: f"{slot // 4:02}" for slot in range(0, slots, 24)}
        return {
            "chart": chart.draw(day, slots=slots, hour_of=hour_of),
            "taken": kwh(taken),
            "given": kwh(given),
            "gaps": sum(not q.known for q in day),
            "width": chart.WIDTH,
            "height": chart.HEIGHT,
            "left": chart.LEFT,
        }
    return None


def kwh(mwh: int) -> str:
    return f"{mwh / 1_000_000:.2f}"


def _meter(name: str, device: dict[str, Any]) -> dict[str, Any]:
    meanings = MEANINGS | {one["register"]: _behind(one, device) for one in device["behind"]}
    rows: list[dict[str, str]] = []
    others: list[dict[str, str]] = []
    for register, reading in device["readings"].items():
        is_main = register in meanings
        meaning = meanings.get(register) or DETAILS.get(register, "")
        if reading["unit"] == "pulse":
            is_main, meaning = True, "pulses counted"
        value = amount(reading["value"], reading["unit"])
        row = {"register": register, "meaning": meaning, "value": value}
        (rows if is_main else others).append(row)
    heard = clock_text(device["last_ms"])
    return {"name": name, **device, "heard": heard, "rows": rows, "others": others}


def _behind(one: dict[str, Any], device: dict[str, Any]) -> str:
    """What a meter on an M-Bus channel counts, and since when it is silent while another is not."""
    kind: str = one["kind"]
    if one["alive"]:
        return kind
    at_ms = device["readings"][one["register"]]["at_ms"]
    since = "" if at_ms is None else f" since {local_day(at_ms):%-d %B %Y}"
    return f"{kind}, meter {one['serial']} not heard{since}"


def amount(value: int | str, unit: str) -> str:
    """A reading as people write it: energy in kWh, heat in GJ, power in kW, mass in kg."""
    if isinstance(value, str):
        return value.replace("m3", "m³")
    if unit == "pulse":
        return str(value)
    if unit == "ms" and value >= HOUR_MS:
        return f"{value / HOUR_MS:.1f} h"
    if unit in LARGE:
        name, one = LARGE[unit]
        return f"{value / one:.3f} {name}"
    name = UNITS.get(unit, "")
    if not name:
        return f"{value} {unit}".strip()
    return f"{value / 1000:g} {'°C' if name == 'Cel' else name}"
