"""Masses as people and scales write them, `3.425 kg`, in milligrams."""

import re

# The units that a scale may weigh in, as powers of ten down to milligrams.
PLACES = {"mg": 0, "g": 3, "kg": 6, "t": 9}
KNOWN = ", ".join(PLACES)
# By their names on the line, in milligrams.
UNITS = {unit.encode(): int(10**places) for unit, places in PLACES.items()}

_AMOUNT = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))? ?(mg|g|kg|t)")


def weight_mg(number: bytes, fraction: bytes | None, unit: bytes) -> int:
    """A weight as a scale says it: sign and whole digits, and digits behind the point, in one of
    `UNITS`. Below a milligram it is rounded down.

    >>> weight_mg(b"-0", b"505", b"kg")
    -505000
    """
    if not fraction:
        return int(number) * UNITS[unit]
    one: int = 10 ** len(fraction)
    return int(number + fraction) * UNITS[unit] // one


def milligrams(text: str) -> int | None:
    """None for what is no mass of whole milligrams.

    >>> milligrams("-3.425 kg")
    -3425000
    >>> milligrams("0.0001 g")
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, unit = match.groups(default="")
    value, rest = divmod(int(whole + fraction) * UNITS[unit.encode()], 10 ** len(fraction))
    return None if rest else int(sign + "1") * value


def kilograms(mg: int) -> str:
    """`3.425 kg`, exactly, with at least a gram's places.

    >>> kilograms(-3_425_000)
    '-3.425 kg'
    >>> kilograms(12)
    '0.000012 kg'
    """
    whole, rest = divmod(abs(mg), 10**6)
    places = f"{rest:06}".rstrip("0")
    return f"{'-' if mg < 0 else ''}{whole}.{places:0<3} kg"
