"""What elements of records show, as integers."""

from drivers.reading import COUNTS
from gateway.contract.clock import QUALITIES, UNSET
from gateway.contract.record import Element, milli
from gateway.contract.signed import Malformed


def clock_of(identity: Element) -> str:
    """How far the clock of a record is to be believed; UNSET where it does not say."""
    return identity.clock if identity.clock in QUALITIES else UNSET


def value_of(one: Element) -> int | None:
    """A value in milli-units, or whole things; None where there is none with a unit, or the
    number is not exact.
    """
    if not one.u or not one.v:
        return None
    try:
        value = milli(one.v)
    except Malformed:
        return None
    return value // 1000 if one.u in COUNTS else value


def stamp_of(one: Element) -> int:
    """When it was measured, in ms relative to the time of its record; 0 where it does not say."""
    try:
        return milli(one.t) if one.t else 0
    except Malformed:
        return 0
