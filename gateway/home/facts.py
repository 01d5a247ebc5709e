"""How the gateway itself fares, in a few facts for Home Assistant; each is told where it is known.

A house without a community has no hub, and nothing of it is waiting there.
"""

from collections.abc import Mapping

from gateway.contract.record import decimal
from gateway.health import health
from gateway.health.alarms import told
from gateway.house import House


def facts(house: House) -> Mapping[str, object]:
    """By the names that `homeassistant.gateway` knows; None where nobody can tell."""
    box = health.look(house)
    warmth, language = box.temperature_mc, house.config.language
    problems = [" ".join(told(alarm, language)) for alarm in health.alarms(house, box)]
    known: dict[str, object] = {
        "problem": problems,
        "clock": house.clock.quality(),
        "temperature": None if warmth is None else decimal(warmth),
        "under_voltage": box.has_under_voltage,
    }
    if house.publisher:
        known["hub"] = house.publisher.link.up.is_set()
        known["waiting"] = house.journal.tally().pending
    return known
