"""`meterkast device`: whose meter hangs where, and which scales are verified."""

import sys
from datetime import date
from typing import Annotated

import cyclopts

from gateway.contract.errors import Problem, UsageError
from gateway.contract.record import is_id
from ledger_bridge.books.calendar import bounds_ms
from ledger_bridge.books.registry.edits import (
    RATED_W_DEFAULT,
    CountsDecided,
    MeterFitted,
    ScaleVerified,
)
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    day_start_ms,
    edit,
    known_day,
    milligrams,
    per_pulse_of,
    read_books,
    split_place,
    split_sources,
    tell,
)
from ledger_bridge.commands.counts import instant
from ledger_bridge.gateways import words

app = cyclopts.App(name="device", help="Meters and whose they are; scales and their verification.")


@app.command
def fit(
    place: str,
    /,
    *,
    member: str,
    serial: str = "",
    from_: date | None = None,
    rated_w: int = RATED_W_DEFAULT,
    pulses_per_kwh: int | None = None,
    per_pulse: str = "",
    anew: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    point: str = "",
    share: str = "1",
    elsewhere: str = "0",
    sources: str = "",
    production: str = "",
    digits: int = 0,
    behind: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say whose meter hangs on a gateway's device, and from which day on.

    Parameters
    ----------
    place
        GATEWAY/DEVICE, the device as its block in gateway.toml is called.
    member
        Who earns what it measures.
    serial
        The meter's own number; without it, whichever meter hangs there.
    from_
        First local day; without it, from the beginning.
    rated_w
        The most the connection carries; more is not believed.
    pulses_per_kwh
        For a meter with a pulse contact: what stands on it, such as 1000.
    per_pulse
        For one that counts something else: so much per pulse, such as "10 L" or "1/100 m3".
    anew
        The count begins afresh on that day: another meter without a number of its own hangs
        there, or the meter was set back.
    point
        The connection's own name at the grid operator's, such as its EAN: official figures name it.
    share
        How much of what is measured takes part in this community, such as "1/2".
    elsewhere
        How much takes part in other communities; together at most 1.
    sources
        What produces there: solar, wind, water, cogeneration, battery, car; several with commas.
    production
        With a battery: GATEWAY/DEVICE of the meter that counts what the panels alone produce.
    digits
        How many digits its count has before the comma, for when it runs full and begins at zero.
    behind
        What is used there is counted by another meter in front of it already.
    """
    gateway, device = split_place(place, where="device fit", form="GATEWAY/DEVICE")
    books = read_books(config)
    from_ms = day_start_ms(from_, books.policies.zone)
    worth = per_pulse_of(
        pulses_per_kwh="" if pulses_per_kwh is None else str(pulses_per_kwh),
        per_pulse=per_pulse,
        where="device fit",
    )
    fitted = MeterFitted(
        gateway,
        device,
        serial,
        member,
        from_ms,
        rated_w,
        worth,
        anew,
        point=point,
        share=share,
        elsewhere=elsewhere,
        sources=split_sources(sources),
        production=production,
        digits=digits,
        behind=behind,
    )
    edit(books.hub, fitted)
    tell(f"{place} counts for {member}", {"place": place, "member": member}, json=json)
    _say_if_unknown(books, gateway, device)


def _say_if_unknown(books: Reading, gateway: str, device: str) -> None:
    """Say so where the gateway told which devices it has, and this is none of them."""
    birth = words(books.db, books.community, ["birth"])["birth"].get(gateway)
    has = birth.get("devices") if isinstance(birth, dict) else None
    if isinstance(has, dict) and device not in has:
        names = ", ".join(sorted(filter(is_id, has))) or "none"
        print(f"but {gateway} has no {device} now; its devices: {names}", file=sys.stderr)


@app.command(name="point")
def point_(
    point: str,
    /,
    *,
    member: str,
    from_: date | None = None,
    rated_w: int = RATED_W_DEFAULT,
    share: str = "1",
    elsewhere: str = "0",
    sources: str = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say whose a meter point without a gateway is: official figures alone are about it.

    Parameters
    ----------
    point
        The connection's own name at the grid operator's, such as its EAN.
    member
        Who earns what is measured there.
    from_
        First local day; without it, from the beginning.
    rated_w
        The most the connection carries; more is not believed.
    share
        How much of what is measured takes part in this community, such as "1/2".
    elsewhere
        How much takes part in other communities; together at most 1.
    sources
        What produces there: solar, wind, water, cogeneration, battery, car; several with commas.
    """
    books = read_books(config)
    fitted = MeterFitted(
        "",
        point,
        "",
        member,
        day_start_ms(from_, books.policies.zone),
        rated_w,
        point=point,
        share=share,
        elsewhere=elsewhere,
        sources=split_sources(sources),
    )
    edit(books.hub, fitted)
    tell(f"point {point} counts for {member}", {"point": point, "member": member}, json=json)


@app.command
def decide(
    place: str,
    /,
    *,
    from_: str,
    until: str,
    accept: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    refuse: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    reason: str,
    serial: str = "",
    register: str = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Decide about counts that wait: they count as they stand, or they do not. The last word holds.

    Parameters
    ----------
    place
        GATEWAY/DEVICE, or the meter point of official figures, as `meterkast ledger held` shows it.
    from_
        The first count, local "2026-06-21 12:00" or "2026-06-21T10:00:00Z".
    until
        The last count; it is meant as well.
    accept
        They count as they stand.
    refuse
        They do not count.
    reason
        What you found out; kept with the decision.
    serial
        The meter's own number, where it says one.
    register
        One register only, such as 1-0:2.8.1; without it, all of the meter.
    """
    where = "device decide"
    if accept == refuse:
        raise UsageError(Problem("no decision", where, "either --accept or --refuse"))
    gateway, device = (
        split_place(place, where=where, form="GATEWAY/DEVICE") if "/" in place else ("", place)
    )
    books = read_books(config)
    zone = books.policies.zone
    since_ms = instant(from_, zone, where=f"{where} --from")
    last_ms = instant(until, zone, where=f"{where} --until")
    (number,) = books.db.execute(
        "SELECT count(*) FROM counter WHERE community = ? AND gateway = ? AND device = ?"
        " AND serial = ? AND (? = '' OR register = ?) AND at_ms BETWEEN ? AND ?",
        (books.community, gateway, device, serial, register, register, since_ms, last_ms),
    ).fetchone()
    if not number:
        what = f"no counts of {place} {serial} from {from_} until {until}".replace("  ", " ")
        raise UsageError(Problem(what, where, "meterkast ledger held"))
    edit(
        books.hub,
        CountsDecided(gateway, device, register, serial, since_ms, last_ms + 1, accept, reason),
    )
    word = "accepted" if accept else "refused"
    outcome = {"place": place, "counts": number, "decided": word}
    tell(f"counts of {place} {word}: {number}; {reason}", outcome, json=json)


@app.command
def verified(
    place: str,
    /,
    *,
    serial: str,
    class_: Annotated[str, cyclopts.Parameter(name="--class")] = "III",
    max_: Annotated[str, cyclopts.Parameter(name="--max")],
    division: str,
    from_: date | None = None,
    until: date,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say that a scale is verified for trade: what is weighed on it then may be redeemable.

    A later word about the same scale goes before, from its first day on.

    Parameters
    ----------
    place
        GATEWAY/DEVICE, the scale as its block in gateway.toml is called.
    serial
        The scale's number, as on its plate.
    class_
        Its class: II, III or IIII.
    max_
        The most it weighs, such as "60 kg".
    division
        Its verification scale interval e, such as "20 g".
    from_
        First local day of the mark; without it, from the beginning.
    until
        Last local day of the mark.
    """
    where = "device verified"
    gateway, device = split_place(place, where=where, form="GATEWAY/DEVICE")
    books = read_books(config)
    zone = books.policies.zone
    mark = ScaleVerified(
        gateway=gateway,
        device=device,
        serial=serial,
        accuracy=class_,
        division_mg=milligrams(division, where=f"{where} --division"),
        max_mg=milligrams(max_, where=f"{where} --max"),
        from_ms=day_start_ms(from_, zone),
        until_ms=bounds_ms(known_day(until), zone)[1],
    )
    edit(books.hub, mark)
    outcome = {"place": place, "serial": serial, "class": class_, "until": until.isoformat()}
    tell(f"{place} is verified until {until}, class {class_}", outcome, json=json)
