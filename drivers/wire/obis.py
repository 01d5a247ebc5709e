"""OBIS codes: the names of what a meter counts.

Spec: IEC 62056-6-1. `A-B:C.D.E*F`: medium, channel, quantity, kind of value, tariff, and an
older value's number, where 255 means the present one and is left away.
"""

import re
from typing import NamedTuple

_CODE = re.compile(r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[*.](\d{1,3}))?")


class Obis(NamedTuple):
    """The six value groups, each 0 to 255. As text, F appears only where it is not 255."""

    a: int
    b: int
    c: int
    d: int
    e: int
    f: int = 255

    def __str__(self) -> str:
        name = f"{self.a}-{self.b}:{self.c}.{self.d}.{self.e}"
        return name if self.f == 255 else f"{name}*{self.f}"


def parse(text: str) -> Obis | None:
    """The code written as `A-B:C.D.E`, `A-B:C.D.E*F` or `A-B:C.D.E.F`; None for all else.

    >>> str(parse("1-0:1.8.0*255"))
    '1-0:1.8.0'
    """
    match = _CODE.fullmatch(text)
    if match is None:
        return None
    groups = [int(group) for group in match.groups(default="255")]
    return Obis(*groups) if max(groups) <= 255 else None
