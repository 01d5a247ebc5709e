"""The part of `verify` that is about what people attested."""

from ledger_bridge.books.facts.attested import WAITING, Given, Taking, judge, read
from ledger_bridge.books.verify.look import Look
from ledger_bridge.books.verify.papers import evidence


def attested(look: Look) -> None:
    """What papers attest and take back is stored, and judged as it must be."""
    given: list[Given] = []
    taken: list[Taking] = []
    for seq, paper in evidence(look):
        some_given, some_taken = read(seq, paper.time_ms, paper.said)
        given += some_given
        taken += some_taken
    rows = judge(given, taken, registry=look.registry, policies=look.policies)
    look.compare("attestation", [row.columns(look.community) for row in rows])
    look.compare("taken_back", [(look.community, *one) for one in taken])
    look.held += sum(row.verdict in WAITING for row in rows)
