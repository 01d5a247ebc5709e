"""How the gateway itself fares, in a few facts for Home Assistant; each is told where it is known.

A house without a community has no hub, and nothing of it is waiting there.
"""

from collections.abc import Mapping

from gateway import machine
from gateway.contract.record import decimal
from gateway.house import House


def facts(house: House) -> Mapping[str, object]:
    """By the names that `homeassistant.gateway` knows; None where nobody can tell."""
    look = machine.look(house.config.data)
    warmth = look.temperature_mc
    told: dict[str, object] = {
        "clock": house.clock.quality(),
        "temperature": None if warmth is None else decimal(warmth),
        "under_voltage": look.has_under_voltage,
    }
    if house.publisher:
        told["hub"] = house.publisher.link.up.is_set()
        told["waiting"] = house.journal.tally().pending
    return told
