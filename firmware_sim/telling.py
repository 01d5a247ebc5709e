"""What `meterkast demo` tells people: who has what, what happens, and what a day came to. Pure."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from firmware_sim import street
from firmware_sim.agreement import Account, MeterDay
from firmware_sim.devices.p1 import ZONE

# People go by their first names; a club has only one.
NAMES = {one.id: one.name.split()[0] if one.card else one.name for one in street.MEMBERS}
FRACTIONS = {kind.id: kind.en for kind in street.FRACTIONS}
WEIGHED = [kind.id for kind in street.FRACTIONS if kind.unit == "kg"]
# What registers are told of: the beginning of their names, and what they count.
COUNTED = {
    "1-0:1.8.": "taken",
    "1-0:2.8.": "given back",
    "6-0:1.0.0": "of heat",
    "8-0:1.0.0": "of water",
    "0-n:24.2.": "of gas",
}
# The unit that people use, and how many of the meter's make one.
UNITS = {"mWh": ("kWh", 10**6), "mJ": ("MJ", 10**9), "ml": ("m³", 10**6)}
HOW_CHECKED = """\
A meter with a clock was checked at its own second, or within its own minute; one without at the
ten seconds in which it was heard, or those before. Asked meters are asked every second of yours,
so not at every quarter-hour of theirs. At both midnights time stood still until all were read:
every day's sum is exact."""


def who_has_what() -> list[str]:
    """A line for each household, with its meters and what they speak."""
    return [
        f"{NAMES[home.member]} has "
        + ", ".join(f"a {device.title} ({device.speaks})" for device in home.devices)
        + "."
        for home in street.HOMES
    ]


def sentence(event: str, said: dict[str, Any]) -> str:
    """What people want to read of an event, "" where it is nothing."""
    at = datetime.fromtimestamp(said["at_ms"] / 1000, UTC) if "at_ms" in said else None
    clock = f"{at.astimezone(ZONE):%H:%M}  " if at else "       "
    who = NAMES.get(said.get("member", ""), "Somebody with an unknown card")
    what = FRACTIONS.get(said.get("fraction", ""), "")
    said = {"day": "", "amount": 0, "net_mg": 0, "pieces": 0, "why": "", "meters": [], **said}
    much = f"{said['pieces']}" if said["pieces"] else f"{Decimal(said['net_mg']) / 10**6:.3f} kg of"
    amount = said["amount"]
    sentences = {
        "day_begins": f"\n{clock}{said['day']} begins",
        "gives": f"{clock}{who}'s roof begins to give back: {amount} W",
        "sun_down": f"{clock}The sun has gone for {who}",
        "makes": f"{clock}{who}'s balcony begins to make something: {amount} W",
        "heats": f"{clock}{who}'s heat pump starts: {amount} W",
        "showers": f"{clock}{who}'s shower runs: {amount * 60 // 1000} l/min",
        "unheard": f"{clock}Not heard at midnight: {', '.join(said['meters'])}",
        "visit": f"{clock}{who} brings {what}",
        "accepted": f"{clock}Kept: {much} {what}",
        "bag_again": f"{clock}{who} begins again; the screen said: {said['why']}",
        "turned_away": f"{clock}The same bag once more: {said['why']}",
        "claimed": f"       {who} brings the code on the slip to the steward",
    }
    return sentences.get(event, "")


def accounts(day: str, found: list[Account]) -> list[str]:
    """A table of the members: what they gave back, gave to others, brought, and were credited."""
    lines = [f"\n{day:12}{'gave back':>11}{'to others':>11}{'brought':>11}  {'credited':>44}"]
    for one in found:
        gave, to_others = (
            f"{Decimal(one.measured[what]) / 1_000_000:.3f} kWh"
            for what in ("exported_mWh", "given_mWh")
        )
        kg = Decimal(sum(one.measured["waste"].get(name, 0) for name in WEIGHED)) / 1_000_000
        credited = " + ".join(f"{amount} {asset}" for asset, amount in one.credited.items())
        verdict = "agrees" if one.agrees else f"DIFFERS, true is {one.truth}"
        name = NAMES[one.member]
        lines.append(f"{name:12}{gave:>11}{to_others:>11}{kg:>8.3f} kg  {credited:>44}  {verdict}")
    return [*lines, ""]


def meters(found: list[MeterDay]) -> list[str]:
    """A table of the meters: how often each was read, and what it counted that day."""
    lines = [f"{'meter':28}{'kind':8}{'readings':>8}  counted that day"]
    for one in found:
        name = f"{NAMES[one.member]}'s {one.title}"
        lines.append(f"{name:28}{one.kind:8}{one.readings:>8}  {_counted(one)}")
    return [*lines, ""]


def _counted(meter: MeterDay) -> str:
    """What a meter's registers gained: the total where it has one, else its tariffs together."""
    told = []
    for beginning, what in COUNTED.items():
        # A count of an older period, such as 6-0:1.0.0_1, is nothing of this day.
        mine = {name for name in meter.used if name.startswith(beginning) and "_" not in name}
        mine = {f"{beginning}0"} & mine or mine
        if amount := sum(meter.used[name] for name in mine):
            told.append(_amount(amount, meter.units[min(mine)], what))
    return ", ".join(told)


def _amount(amount: int, unit: str, what: str) -> str:
    if unit == "pulse":
        return f"{amount} pulses"
    name, one = UNITS[unit]
    return f"{Decimal(amount) / one:.3f} {name} {what}"
