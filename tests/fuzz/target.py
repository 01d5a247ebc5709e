"""What is done with one input of a fuzzer, and what must hold whatever its bytes are."""

from drivers.reading import Message
from drivers.sdk import Session
from tests.laws.subjects import SUBJECTS, Subject, cut

CHUNK_MAX = 63
ASKED = 0x40  # in the first byte of an input: whether the driver has begun to ask before
# Two silences: the first ends what was heard, in the second a driver that asks gives up.
SILENCES = 2


def subjects(name: str) -> list[Subject]:
    """A driver with each set of settings that its examples need."""
    return [subject for subject in SUBJECTS if subject.device.name == name]


def corpus(subject: Subject) -> list[bytes]:
    """Inputs to begin with: the device's own words, in several slicings."""
    heads = (CHUNK_MAX, 7, ASKED | 1, ASKED | CHUNK_MAX)
    return [bytes((head,)) + shown.stream for shown in subject.examples for head in heads]


def _told(session: Session, chunks: list[bytes]) -> list[Message]:
    steps = [step for chunk in chunks for step in session.feed(chunk)]
    for _ in range(SILENCES):
        steps += session.timeout()
    return [step for step in steps if isinstance(step, Message)]


def one_input(subject: Subject, data: bytes) -> None:
    """Feed an input, whose first byte says how; asserts what every driver owes.

    No exception, each message where it says, and the same messages whatever the slicing. A driver
    that has asked may do otherwise with an answer that comes at once than with one in pieces.
    """
    if not data:
        return
    head, stream = data[0], data[1:]
    session = subject.open()
    if head & ASKED:
        session.timeout()
    told = _told(session, cut(stream, head % CHUNK_MAX + 1))
    if not head & ASKED:
        assert told == _told(subject.open(), [stream]), "another slicing gave other messages"
    end = 0
    for message in told:
        assert message.offset >= end, "a message begins before the one before it ends"
        assert stream[message.offset :].startswith(message.raw), "a message is not what it says"
        end = message.offset + (len(message.raw) or sum(one.length for one in message.faults))
    assert end <= len(stream), "a message ends after the stream"
