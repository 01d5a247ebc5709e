"""What was measured, as members call it: shared energy, energy by its register, how much of it."""

import re

from ledger_bridge.books.telling.export_tables import Language

_SHARED = {
    "given": ("aan anderen gegeven", "given to others"),
    "taken": ("van anderen gebruikt", "used of what others gave"),
}
_ENERGY = {"1": ("afgenomen", "used"), "2": ("teruggeleverd", "given back")}
_ACTIVE = re.compile(r"1-\d+:([12])\.8\.(\d+)")
_UNITS = {
    "x": ("keer", "times"),
    "d": ("dagen", "days"),
    "piece": ("stuks", "pieces"),
    "h": ("uur", "hours"),
}
# Of one: what differs from several.
_ONE = {
    "dagen": "dag",
    "stuks": "stuk",
    "times": "time",
    "days": "day",
    "pieces": "piece",
    "hours": "hour",
}


def called(key: str, language: Language) -> str:
    """What is measured under this key; a key that is no word of ours stays as it is."""
    if found := _ACTIVE.fullmatch(key):
        direction, tariff = found.groups()
        name = _ENERGY[direction][language == "en"]
        return name if tariff == "0" else f"{name} ({_tariff(language)} {tariff})"
    return _SHARED[key][language == "en"] if key in _SHARED else key


def much(measured: str, language: Language) -> str:
    """A quantity with its unit, such as "8 piece", as people of the language write it."""
    number, _, unit = measured.partition(" ")
    if unit in _UNITS:
        unit = _UNITS[unit][language == "en"]
        unit = _ONE.get(unit, unit) if number == "1" else unit
    if language == "nl":
        number = number.replace(".", ",")
    return f"{number} {unit}"


def _tariff(language: Language) -> str:
    return "tarief" if language == "nl" else "tariff"
