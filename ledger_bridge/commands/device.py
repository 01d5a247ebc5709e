"""`meterkast device`: whose meter hangs where."""

from datetime import date
from typing import Annotated

import cyclopts

from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.registry import RATED_W_DEFAULT, MeterFitted
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    day_start_ms,
    edit,
    per_pulse_of,
    read_books,
    tell,
)

app = cyclopts.App(name="device", help="Meters: whose they are, and since when.")


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
    gateway, slash, device = place.partition("/")
    if not slash:
        raise UsageError(Problem(f"{place!r} is no place", "device fit", "GATEWAY/DEVICE"))
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
