"""`meterkast device`: whose meter hangs where."""

from datetime import date

import cyclopts

from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.registry import RATED_W_DEFAULT, MeterFitted
from ledger_bridge.commands.common import CONFIG, Config, Json, day_start_ms, edit, read_books, tell

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
    """
    gateway, slash, device = place.partition("/")
    if not slash:
        raise UsageError(Problem(f"{place!r} is no place", "device fit", "GATEWAY/DEVICE"))
    books = read_books(config)
    from_ms = day_start_ms(from_, books.policies.zone)
    edit(books.hub, MeterFitted(gateway, device, serial, member, from_ms, rated_w))
    tell(f"{place} counts for {member}", {"place": place, "member": member}, json=json)
