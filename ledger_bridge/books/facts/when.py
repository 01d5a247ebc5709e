"""When something was measured, by the elements of a record."""

import msgspec

from gateway.contract.record import milli

# SenML times below 2**28 seconds are relative (RFC 8428 section 4.5.3).
_ABSOLUTE_MS = 2**28 * 1000

# Later than anything that is measured: 2100-01-01T00:00:00Z.
LAST_MS = 4_102_444_800_000


def is_instant(at_ms: int) -> bool:
    """Whether this can be when something was measured, in UTC milliseconds."""
    return _ABSOLUTE_MS <= at_ms < LAST_MS


def measured_ms(base: int | None, raw: msgspec.Raw) -> int | None:
    """The instant of an element, by its pack's base time and its own `t`, in UTC milliseconds.

    None where it cannot be known or be true. Raises Malformed.
    """
    at = (base or 0) + (milli(raw) if raw else 0)
    return at if is_instant(at) else None
