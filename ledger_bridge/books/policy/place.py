"""Where the community is, as people write it: degrees north and east, "52.1, 5.3"."""

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainValidator

from ledger_bridge.books.facts.sun import Place

# The middle of the Netherlands.
NETHERLANDS = Place(52_100_000, 5_300_000)

_DEGREES = re.compile(r"(-?[0-9]{1,3}(?:\.[0-9]{1,6})?), ?(-?[0-9]{1,3}(?:\.[0-9]{1,6})?)")


def _place(given: Any) -> Place:
    match = _DEGREES.fullmatch(given) if isinstance(given, str) else None
    north, east = (int(Fraction(n) * 10**6) for n in match.groups()) if match else (10**9, 0)
    if abs(north) > 90 * 10**6 or abs(east) > 180 * 10**6:
        raise ValueError(f'{given!r} is no place such as "52.1, 5.3", degrees north and east')
    return Place(north, east)


Where = Annotated[Place, PlainValidator(_place)]
