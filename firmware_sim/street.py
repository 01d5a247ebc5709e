"""The street of the demonstration, as data: who lives there, what hangs where, what is paid.

All of it is made up. The policy's numbers are here as fractions, for whoever reckons the true
answer apart from the books.
"""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from random import Random
from typing import NamedTuple

from firmware_sim.devices.p1 import Meter
from firmware_sim.household import STEP_MS, House, local_midnight_ms
from firmware_sim.people import ORDERS, Depositor, Load
from firmware_sim.scale import Scale

COMMUNITY = "zonstraat"
DAY = date(2026, 6, 21)
POINT = "point"  # the gateway of the recycling point
METER = "hall"  # what every household calls the meter at its front door
MINUTE_MS = 60_000
SCALE = Scale()
# What stands on the meter of the balcony, whose pulses are credited.
PULSES_PER_KWH = 500
# Real seconds between two questions: a street in a hurry has quarter-hours of a fifth of one.
_ASKED = {"interval": "1"}


class Member(NamedTuple):
    """A member of the community; `card` is the number as the reader says it."""

    id: str
    name: str
    card: str


class Device(NamedTuple):
    """A meter on a line of a gateway: its block in gateway.toml, and which simulated device it is.

    `title` is what people call it, `speaks` what it speaks, `serial` what it calls itself. `clock`
    is the meter's own:
    it stamps its readings to the "second", to the "minute", or not at all: then whoever hears
    them does. `asked` says that it holds its tongue until then, `behind` that it hangs behind the
    meter at the front door, which counts the same once more.
    """

    name: str
    title: str
    speaks: str
    driver: str
    variant: str
    serial: str
    clock: str = ""
    settings: Mapping[str, str] = {}
    asked: bool = False
    counts: bool = False
    behind: bool = False
    every_ms: int = STEP_MS


class Home(NamedTuple):
    """A household's gateway, the house behind it, and its meters, the front door's first.

    `shares`: what is measured between quarter-hours may leave the house.
    """

    member: str
    gateway: str
    house: House
    devices: tuple[Device, ...]
    shares: bool = False


def port(home: Home, device: Device) -> str:
    """The name of the device's port in the village's folder of ports."""
    return f"{home.member}-{device.name}"


class Fit(NamedTuple):
    """A meter that counts for a household, as the co-op's list of meters has it."""

    gateway: str
    device: str
    serial: str
    pulses_per_kwh: str = ""
    behind: str = ""


def fits(home: Home) -> list[Fit]:
    """The household's meters, the front door's first."""
    found = [
        Fit(
            home.gateway,
            one.name,
            one.serial,
            one.settings.get("pulses_per_kwh", ""),
            "yes" if one.behind else "",
        )
        for one in home.devices
    ]
    # The gas meter speaks through the one at the front door.
    gas = [home.house.gas_serial] if home.house.gas_serial else []
    return found + [Fit(home.gateway, METER, serial) for serial in gas]


class Kind(NamedTuple):
    """A fraction: what it is called, and its credit per `unit`, a kilogram or a piece."""

    id: str
    euralcode: str
    nl: str
    en: str
    credit: Fraction
    unit: str = "kg"


MEMBERS = (
    Member("noor", "Noor de Vries", "0A00C0FFEE"),
    Member("bram", "Bram Jansen", "0A00BEEF01"),
    Member("sanne", "Sanne Bakker", "0A00541213"),
    Member("yusuf", "Yusuf Demir", "0A00704621"),
    Member("vv-zon", "VV Zonstraat", ""),  # the football club, which is given bags
)

_DUTCH = Device("hall", "smart meter", "P1, Dutch", "p1", "5.0.2", "E0047000012345626", "second")
_BELGIAN = Device("hall", "smart meter", "P1, Belgian", "p1", "be", "E0051000098765426", "second")
_HEAT = Device(
    "heat", "heat meter", "M-Bus", "mbus", "heat meter", "06855817", "minute", _ASKED, asked=True
)
_HEAT_PUMP = Device(
    "heatpump",
    "heat pump's meter",
    "Modbus",
    "sdm630",
    "as delivered",
    "20123456",
    settings={**_ASKED, "pause_ms": "1"},
    asked=True,
    behind=True,
)
_GERMAN = Device("hall", "one-way meter", "SML, German", "sml", "EMH eHZ", "06454d480100012345ab")
_AUSTRIAN = Device(
    "hall",
    "smart meter",
    "DLMS, Austrian, encrypted",
    "dlms",
    "Landis+Gyr, encrypted in blocks",
    "",
    "second",
    every_ms=MINUTE_MS,
)
_BALCONY = Device(
    "balcony",
    "balcony meter",
    "S0",
    "s0",
    "production meter",
    "BK-40711",
    settings={
        "pulses_per_kwh": str(PULSES_PER_KWH),
        "rated_w": "800",
        "serial": "BK-40711",
        **_ASKED,
    },
    counts=True,
)
_WATER = Device(
    "water", "water meter", "M-Bus", "mbus", "water meter", "87654321", "minute", _ASKED, asked=True
)

HOMES = (
    Home(
        "noor",
        "home-noor",
        House(
            "noor",
            Meter(_DUTCH.serial),
            solar_wp=4200,
            phases=3,
            base_w=140,
            heat_pump_w=1700,
        ),
        (_DUTCH, _HEAT_PUMP, _HEAT),
        shares=True,
    ),
    Home(
        "bram",
        "home-bram",
        House(
            "bram",
            Meter(_BELGIAN.serial, _BELGIAN.variant),
            solar_wp=2400,
            base_w=180,
            gas_serial="G0039001234567826",
        ),
        (_BELGIAN, _WATER),
    ),
    Home(
        "sanne",
        "home-sanne",
        House("sanne", Meter(""), solar_wp=3400, phases=3, base_w=160),
        (_AUSTRIAN,),
    ),
    Home(
        "yusuf",
        "home-yusuf",
        House("yusuf", Meter(""), solar_wp=800, base_w=110, feeds=False),
        (_GERMAN, _BALCONY),
    ),
)

DEVICES = {(home.gateway, device.name): device for home in HOMES for device in home.devices}

FRACTIONS = (
    Kind("glass", "15 01 07", "glas", "glass", Fraction("0.05")),
    Kind("paper", "15 01 01", "papier", "paper", Fraction("0.02")),
    Kind("plastic", "15 01 02", "plastic", "plastic", Fraction("0.125")),
    # A rate that has no end in decimals: the floor must come once, at the end.
    Kind("textile", "20 01 10", "textiel", "textile", Fraction(1, 12)),
    Kind("lamps", "20 01 36", "ledlampen", "LED lamps", Fraction("0.1"), "piece"),
    Kind("rest", "20 03 01", "restafval", "residual waste", Fraction(0)),  # counted, not paid
)
CLUB = "vv-zon"
CRATE, CRATE_MG = "blue", 1_500_000

# What is given back is worth something where a neighbour uses it in the same quarter-hour.
SHARED_CREDIT_PER_KWH = Fraction(1)
SHARED_CAP_PER_DAY = Fraction(20)
# Registers of what is given back and of what is taken, whichever a meter counts.
GIVEN = ("1-0:2.8.0", "1-0:2.8.1", "1-0:2.8.2")
TAKEN = ("1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2")
WASTE_CAP_PER_DAY = Fraction(10)
SCALE_OF_CREDIT = 6  # decimal places of both assets


class Visit(NamedTuple):
    """Somebody who comes with something. `member` is who the credit is for, "" for nobody known.

    `claims`: they have no card with them, and bring the code on the slip to a steward. `again`: the
    card with which somebody tries the same bag a second time, "" for nobody.
    """

    at_ms: int
    member: str
    depositor: Depositor
    load: Load
    order: tuple[str, ...] = ORDERS[0]
    claims: bool = False
    again: str = ""


STRANGER = "0A00D00D99"


def visits(seed: int, day: date) -> tuple[Visit, ...]:
    """Who comes on this local day, in order; at least half an hour apart."""
    draw = Random(f"{seed}/visits/{day}")  # noqa: S311 - a play, no secret
    cards = {member.id: member.card for member in MEMBERS} | {"": STRANGER}

    def mass_mg() -> int:
        return draw.randint(400_000, 9_000_000)

    guests = [
        ("noor", Depositor(cards["noor"]), Load("glass", mass_mg())),
        (
            "bram",
            Depositor(cards["bram"]),
            Load("paper", mass_mg(), crate=CRATE, crate_mg=CRATE_MG),
        ),
        ("sanne", Depositor(cards["sanne"]), Load("plastic", mass_mg(), moved_ms=1_200)),
        ("yusuf", Depositor(), Load("textile", mass_mg())),
        ("", Depositor(STRANGER), Load("glass", mass_mg())),
        (CLUB, Depositor(club=CLUB), Load("paper", mass_mg())),
        ("noor", Depositor(cards["noor"]), Load("lamps", pieces=draw.randint(2, 9))),
        ("sanne", Depositor(cards["sanne"]), Load("rest", mass_mg())),
    ]
    draw.shuffle(guests)
    midnight_ms = local_midnight_ms(day)
    return tuple(
        Visit(
            at_ms=midnight_ms + (540 + 60 * n + draw.randrange(30)) * MINUTE_MS,
            member=member,
            depositor=depositor,
            load=load,
            order=draw.choice(ORDERS),
            claims=not depositor.card and not depositor.club,
            again=cards["bram"] if load.fraction == "plastic" else "",
        )
        for n, (member, depositor, load) in enumerate(guests)
    )


def shown_mg(mass_mg: int) -> int:
    """What the scale shows for a mass: the nearest division, halves upward."""
    division = SCALE.division_mg
    return (mass_mg + division // 2) // division * division
