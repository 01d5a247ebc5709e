"""What the steward's commands share: opening the books to read, signing, and printing."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import cyclopts
import msgspec

from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books import store
from ledger_bridge.books.calendar import bounds_ms
from ledger_bridge.books.community import load_policies, load_registry
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import is_of, quantity, worth
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import Edit, Edits
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.desk import Paper, hand_in
from ledger_bridge.hub import Hub

Config = Annotated[Path, cyclopts.Parameter(name="--config", help="The hub's bridge.toml.")]
Json = Annotated[bool, cyclopts.Parameter(name="--json", negative="", help="JSON on stdout.")]

CONFIG = Path("bridge.toml")


@dataclass(frozen=True, slots=True)
class Reading:
    """The books opened to read."""

    hub: Hub
    db: sqlite3.Connection
    registry: Registry
    policies: Policies

    @property
    def community(self) -> str:
        return self.hub.community


def read_books(config: Path) -> Reading:
    hub = Hub.load(config)
    db = store.open_to_read(hub.books)
    registry = load_registry(db, hub.community)
    return Reading(hub, db, registry, load_policies(db, hub.community, registry))


def edit(hub: Hub, *edits: Edit, people: dict[str, tuple[str, str]] | None = None) -> None:
    """Sign registry edits with the steward's key and hand them in."""
    document = registries.make(
        Edits(hub.community, domain_clock().utc_ms(), edits), key=hub.key("steward")
    )
    hand_in(hub, Paper("edits", document.decode(), people or {}))


def known_day(day: date) -> str:
    """The day as the books write it; no meter counted before 1980 or counts after 2099."""
    if not 1980 <= day.year < 2100:
        raise UsageError(Problem(f"{day} is no day of these books", "DAY", "such as 2026-06-21"))
    return day.isoformat()


def day_start_ms(day: date | None, zone: str) -> int:
    """UTC of a local midnight; the beginning of time where no day is given."""
    return bounds_ms(known_day(day), zone)[0] if day else 0


def show(value: Any) -> None:
    """One JSON document on stdout."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def tell(sentence: str, value: Any, *, json: bool) -> None:
    """The outcome of a command: a sentence for people, or one JSON document."""
    if json:
        show(value)
    else:
        print(sentence)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as they need; the last columns of figures to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = (
            cell.rjust(width) if _is_figure(cell) else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        print("  ".join(cells).rstrip())


def _is_figure(cell: str) -> bool:
    return bool(cell) and cell.lstrip("-").replace(".", "", 1).isdigit()


def per_pulse_of(*, pulses_per_kwh: str, per_pulse: str, where: str) -> str:
    """What a pulse stands for, given one way or the other; "" where neither is given."""
    if pulses_per_kwh and per_pulse:
        what = "two answers to what a pulse is worth"
        raise UsageError(Problem(what, where, "pulses per kWh, or the quantity per pulse"))
    given = f"1/{pulses_per_kwh} kWh" if pulses_per_kwh else per_pulse
    if given:
        try:
            worth(given)
        except ValueError as error:
            what = f"{pulses_per_kwh!r} is no number of pulses" if pulses_per_kwh else str(error)
            raise UsageError(Problem(what, where, 'such as 1000, or "10 L"')) from error
    return given


def split_place(given: str, *, where: str, form: str) -> tuple[str, str]:
    """The gateway and the name in GATEWAY/NAME."""
    gateway, slash, name = given.partition("/")
    if not slash or not name:
        raise UsageError(Problem(f"{given!r} is not of the form {form}", where, form))
    return gateway, name


def split_sources(given: str) -> tuple[str, ...]:
    """ "solar, battery" as its words."""
    return tuple(word.strip() for word in given.split(",") if word.strip())


def milligrams(given: str, *, where: str) -> int:
    """ "60 kg" in mg."""
    try:
        size = quantity(given)
    except ValueError as error:
        raise UsageError(Problem(str(error), where, "such as 60 kg, or 20 g")) from error
    if not is_of(given, "kg") or size.denominator != 1:
        what = f"{given!r} is no mass of whole milligrams"
        raise UsageError(Problem(what, where, "such as 60 kg, or 20 g"))
    return size.numerator


def known_member(registry: Registry, member: str) -> str:
    """The member, or an error that names who there is."""
    if member not in registry.accounts:
        known = ", ".join(sorted(registry.accounts)) or "nobody yet"
        raise UsageError(Problem(f"no member {member!r}", "registry", f"members: {known}"))
    return member


def known_holder(registry: Registry, holder: str) -> str:
    """The member, or the account by its name, or an error that names all."""
    if registry.account(holder) is None:
        known = ", ".join(sorted([*registry.accounts, *registry.others])) or "nobody yet"
        raise UsageError(
            Problem(f"no member or account {holder!r}", "registry", f"there are: {known}")
        )
    return holder
