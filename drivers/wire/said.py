"""What a scale says in one frame, wherever it stands in the stream."""

from drivers.reading import Fault, Message, Reading

# The readings, and kind and detail of each fault.
Said = tuple[tuple[Reading, ...], tuple[tuple[str, str], ...]]

WRONG_PARITY: Said = ((), (("parity", "a byte of wrong parity"),))
KNOWN_MAX = 256  # frames that a session remembers, for a scale says the same again and again

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


def message(offset: int, raw: bytes, said: Said) -> Message:
    """What was said in `raw`, which begins at `offset` of the stream."""
    readings, against = said
    if not against:
        return _new(Message, (offset, raw, readings, ()))
    length = len(raw)
    faults = [_new(Fault, (kind, offset, length, detail)) for kind, detail in against]
    return _new(Message, (offset, raw, readings, tuple(faults)))
