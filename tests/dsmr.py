"""dsmr-parser 1.11.2 as a second reader of P1 telegrams."""

import re
from copy import deepcopy
from decimal import Decimal

from dsmr_parser import telegram_specifications as specifications
from dsmr_parser.objects import CosemObject, MBusObject
from dsmr_parser.parsers import TelegramParser

FACTORS = {
    "kWh": (10**6, "mWh"),
    "Wh": (10**3, "mWh"),
    "kvarh": (10**6, "mvarh"),
    "kVArh": (10**6, "mvarh"),
    "varh": (10**3, "mvarh"),
    "kW": (10**6, "mW"),
    "W": (10**3, "mW"),
    "kvar": (10**6, "mvar"),
    "kVAr": (10**6, "mvar"),
    "var": (10**3, "mvar"),
    "V": (10**3, "mV"),
    "A": (10**3, "mA"),
    "Hz": (10**3, "mHz"),
    "m3": (10**6, "mL"),
    "GJ": (10**12, "mJ"),
}


def _telegram(name: str, sent: bytes, key: str, auth_key: str | None) -> dict:
    """What the peer reads by one of its specifications; `sent` is plain where there is no key."""
    specification = deepcopy(getattr(specifications, name))
    specification["general_global_cipher"] = bool(key)
    parser = TelegramParser(specification)
    if key:
        return parser.parse(sent.hex(), key, auth_key)
    return parser.parse(sent.decode("latin-1"))


def amounts(
    name: str, sent: bytes, *, key: str = "", auth_key: str | None = None
) -> set[tuple[str, int, str]]:
    """Register, value and unit of all that the peer reads as a number with a unit.

    `auth_key` None: the tag is not checked. Raises what the peer raises.
    """
    found = set()
    for pattern, told in dict.items(_telegram(name, sent, key, auth_key)):
        group = re.search(r"(\d+)\\\.(\d+)\\\.(\d+)", pattern)
        if group is None or not isinstance(told, CosemObject | MBusObject):
            continue
        if told.unit not in FACTORS or not isinstance(told.value, Decimal):
            continue
        factor, unit = FACTORS[told.unit]
        code = ".".join(group.groups()).replace("24.3.0", "24.2.1")
        a, b = told.obis_id_code
        found.add((f"{a}-{b}:{code}", int(told.value * factor // 1), unit))
    return found
