"""The street of the demonstration, as data: who lives there, what hangs where, what is paid.

All of it is made up. The policy's numbers are here as fractions, for whoever reckons the true
answer apart from the books.
"""

from datetime import date
from fractions import Fraction
from random import Random
from typing import NamedTuple

from firmware_sim.devices.mtsics import Scale
from firmware_sim.devices.p1 import Meter
from firmware_sim.household import House, local_midnight_ms

COMMUNITY = "zonstraat"
DAY = date(2026, 6, 21)
POINT = "point"  # the gateway of the recycling point
METER = "hall"  # what both households call the meter at their P1 port
MINUTE_MS = 60_000
SCALE = Scale()


class Member(NamedTuple):
    """A member of the community; `card` is the number as the reader says it."""

    id: str
    name: str
    card: str


class Home(NamedTuple):
    """A household's gateway, the port at its meter, and the house behind it."""

    member: str
    gateway: str
    port: str
    house: House


class Kind(NamedTuple):
    """A fraction: the tag at the bin, what it is called, and its credit per kilogram."""

    id: str
    tag: str
    euralcode: str
    nl: str
    en: str
    credit_per_kg: Fraction


MEMBERS = (
    Member("noor", "Noor de Vries", "0A00C0FFEE"),
    Member("bram", "Bram Jansen", "0A00BEEF01"),
    Member("sanne", "Sanne Bakker", "0A00541213"),
    Member("yusuf", "Yusuf Demir", "0A00704621"),
)

HOMES = (
    Home(
        "noor",
        "home-noor",
        "noor-p1",
        House(
            "noor",
            Meter("E0047000012345626"),
            solar_wp=4200,
            phases=3,
            base_w=140,
            gas_serial="G0039001234567826",
        ),
    ),
    Home(
        "bram",
        "home-bram",
        "bram-p1",
        House("bram", Meter("E0051000098765426"), solar_wp=2400, base_w=180),
    ),
)

FRACTIONS = (
    Kind("glass", "0A00F00001", "15 01 07", "glas", "glass", Fraction("0.05")),
    Kind("paper", "0A00F00002", "15 01 01", "papier", "paper", Fraction("0.02")),
    Kind("plastic", "0A00F00003", "15 01 02", "plastic", "plastic", Fraction("0.125")),
    # A rate that has no end in decimals: the floor must come once, at the end.
    Kind("textile", "0A00F00004", "20 01 10", "textiel", "textile", Fraction(1, 12)),
)

SUN_CREDIT_PER_KWH = Fraction(1)
SUN_CAP_PER_DAY = Fraction(20)
WASTE_CAP_PER_DAY = Fraction(10)
SCALE_OF_CREDIT = 6  # decimal places of both assets


class Visit(NamedTuple):
    """Somebody who comes with a bag: `member` is "" for a card that nobody knows.

    `moved_ms` is how long the bag goes on moving, in real milliseconds.
    """

    at_ms: int
    member: str
    card: str
    fraction: str
    mass_mg: int
    moved_ms: int = 0


STRANGER = "0A00D00D99"


def visits(seed: int, day: date) -> tuple[Visit, ...]:
    """Who comes on this local day, in order; at least three quarters of an hour apart."""
    draw = Random(f"{seed}/visits/{day}")  # noqa: S311 - a play, no secret
    guests = [
        ("noor", "glass", 0),
        ("bram", "paper", 0),
        ("sanne", "plastic", 1_200),
        ("yusuf", "textile", 0),
        ("", "glass", 0),
        ("sanne", "paper", 0),
    ]
    draw.shuffle(guests)
    cards = {member.id: member.card for member in MEMBERS} | {"": STRANGER}
    midnight_ms = local_midnight_ms(day)
    return tuple(
        Visit(
            at_ms=midnight_ms + (540 + 75 * n + draw.randrange(30)) * MINUTE_MS,
            member=member,
            card=cards[member],
            fraction=fraction,
            mass_mg=draw.randint(400_000, 9_000_000),
            moved_ms=moved_ms,
        )
        for n, (member, fraction, moved_ms) in enumerate(guests)
    )


def shown_mg(mass_mg: int) -> int:
    """What the scale shows for a mass: the nearest division, halves upward."""
    division = SCALE.division_mg
    return (mass_mg + division // 2) // division * division
