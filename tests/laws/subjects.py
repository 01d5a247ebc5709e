"""What the laws are about: every driver file, with every set of settings that its examples need."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from drivers.reading import Message, Reading
from drivers.sdk import Device, Example, Session, load, names

# A reading with one of these stands on no checksum.
UNGUARDED = {"unchecked", "unstable"}


@dataclass(frozen=True)
class Subject:
    """A driver with one set of settings, and the examples that are read with these."""

    device: Device
    settings: Mapping[str, str]
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        return "+".join([self.device.name, *self.settings])

    @property
    def checksum_bits(self) -> int:
        """The width of the narrowest check of its examples."""
        own = [shown.checksum_bits for shown in self.examples if shown.checksum_bits is not None]
        return min([self.device.checksum_bits, *own])

    @property
    def polled(self) -> bool:
        """Whether it is asked: its examples may do otherwise than its family."""
        own = {shown.polled for shown in self.examples}
        return self.device.polled if None in own else True in own

    def open(self) -> Session:
        return self.device.open(self.settings)


def _subjects(device: Device) -> list[Subject]:
    """An encrypted meter of a family has a key, another has none: each is held to the laws."""
    needed: list[Mapping[str, str]] = []
    for shown in device.examples:
        if shown.settings not in needed:
            needed.append(shown.settings)
    return [
        Subject(device, own, tuple(one for one in device.examples if one.settings == own))
        for own in needed
    ]


DEVICES = [load(name) for name in names()]
SUBJECTS = [subject for device in DEVICES for subject in _subjects(device)]
EXAMPLES = [(subject, shown) for subject in SUBJECTS for shown in subject.examples]

each_device = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
each_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
each_example = pytest.mark.parametrize(
    ("subject", "shown"),
    EXAMPLES,
    ids=[f"{subject.device.name}-{shown.name}" for subject, shown in EXAMPLES],
)


def messages(subject: Subject, *chunks: bytes) -> list[Message]:
    """What a new session tells of a stream, and of the silence after it."""
    session = subject.open()
    steps = [step for chunk in chunks for step in session.feed(chunk)] + session.timeout()
    return [step for step in steps if isinstance(step, Message)]


def readings(subject: Subject, *chunks: bytes) -> tuple[Reading, ...]:
    return tuple(r for message in messages(subject, *chunks) for r in message.readings)


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def guarded(subject: Subject) -> list[bytes]:
    """Every telegram of the examples that a checksum guards."""
    return [
        message.raw
        for shown in subject.examples
        for message in messages(subject, shown.stream)
        if not any(reading.doubt in UNGUARDED for reading in message.readings)
    ]


def noise(subject: Subject, seed: int, size: int) -> bytes:
    """Random bytes, half of them such as the device itself would send."""
    chance = random.Random(seed)
    own = b"".join(shown.stream for shown in subject.examples)
    pieces = []
    while size > 0:
        start = chance.randrange(len(own))
        piece = own[start : start + chance.randrange(40)] + chance.randbytes(chance.randrange(40))
        pieces.append(piece[:size])
        size -= len(piece)
    return b"".join(pieces)
