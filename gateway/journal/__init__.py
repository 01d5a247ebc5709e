"""The journal: the only queue of the gateway. What it has committed survives a power cut."""

from gateway.journal.file import RESTORED, SCHEMA_VERSION
from gateway.journal.journal import KEPT_MS, Journal
from gateway.journal.room import Room
from gateway.journal.values import (
    EVIDENCE,
    PRIVATE,
    SAMPLES,
    Beside,
    Chain,
    NotKept,
    ReceiptRefused,
    Standing,
    Tally,
)

__all__ = [
    "EVIDENCE",
    "KEPT_MS",
    "PRIVATE",
    "RESTORED",
    "SAMPLES",
    "SCHEMA_VERSION",
    "Beside",
    "Chain",
    "Journal",
    "NotKept",
    "ReceiptRefused",
    "Room",
    "Standing",
    "Tally",
]
