"""`meterkast device`: whose meter hangs where, and which scales are verified."""

from datetime import date
from typing import Annotated

import cyclopts

from ledger_bridge.books.calendar import bounds_ms
from ledger_bridge.books.registry.edits import RATED_W_DEFAULT, MeterFitted, ScaleVerified
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    day_start_ms,
    edit,
    known_day,
    milligrams,
    per_pulse_of,
    read_books,
    split_place,
    tell,
)

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
    """
    gateway, device = split_place(place, where="device fit", form="GATEWAY/DEVICE")
    books = read_books(config)
    from_ms = day_start_ms(from_, books.policies.zone)
    worth = per_pulse_of(
        pulses_per_kwh="" if pulses_per_kwh is None else str(pulses_per_kwh),
        per_pulse=per_pulse,
        where="device fit",
    )
    fitted = MeterFitted(gateway, device, serial, member, from_ms, rated_w, worth, anew)
    edit(books.hub, fitted)
    tell(f"{place} counts for {member}", {"place": place, "member": member}, json=json)


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
