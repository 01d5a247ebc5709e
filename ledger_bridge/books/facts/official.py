"""Figures of metering companies and grid operators, and what somebody read off a meter."""

import msgspec


class Series(msgspec.Struct, frozen=True, tag="series", tag_field="kind"):
    """Energy of one register of a meter point per quarter-hour, from `start_ms` on without a gap.

    `values` are mWh, None where there is none. `quality` has one letter each: m measured,
    s substituted.
    """

    point: str
    register: str
    start_ms: int
    values: tuple[int | None, ...]
    quality: str
    source: str


class Sight(msgspec.Struct, frozen=True, tag="sight", tag_field="kind"):
    """Somebody read a meter: what it showed, in thousandths of `unit`, and when."""

    gateway: str
    device: str
    register: str
    serial: str
    at_ms: int
    value: int
    unit: str
    by: str
