"""What stewards signed about one member: edits are closed for good, papers lose their bytes.

A paper that is about others too stays as it is.
"""

import sqlite3

import msgspec

from gateway.contract import signed
from ledger_bridge.books.closing.mine import Mine
from ledger_bridge.books.facts.attested import Attestation, TakenBack
from ledger_bridge.books.facts.official import OFFICIAL_CHAIN, Series, Sight
from ledger_bridge.books.facts.papers import Paper, Said
from ledger_bridge.books.registry import papers as registry_papers

_paper = msgspec.json.Decoder(Paper)


def erase_edits(db: sqlite3.Connection, community: str, mine: Mine) -> list[tuple[int, int]]:
    """Erase the registry edits about a member; gives document and place of each."""
    found = [
        (document.seq, n)
        for document in registry_papers.stored(db, community)
        for n, opening in sorted(document.openings.items())
        if mine.is_about(registry_papers.edit_in(opening))
    ]
    db.executemany(
        "DELETE FROM opening WHERE community = ? AND seq = ? AND n = ?",
        [(community, *key) for key in found],
    )
    return found


def papers_of(db: sqlite3.Connection, community: str, mine: Mine) -> list[int]:
    """The papers that are about this member and nobody else."""
    found: list[int] = []
    about: dict[tuple[int, int], str] = {}  # paper, number within it: the member
    for seq, data in db.execute(
        "SELECT seq, data FROM paper WHERE community = ? AND data != x'' ORDER BY seq", (community,)
    ):
        said = _paper.decode(signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX).payload).said
        about.update(
            {(seq, n): one.member for n, one in enumerate(said, 1) if isinstance(one, Attestation)}
        )
        if said and all(_is_about(one, mine, about) for one in said):
            found.append(seq)
    return found


def _is_about(said: Said, mine: Mine, about: dict[tuple[int, int], str]) -> bool:
    match said:
        case Attestation(member):
            return member == mine.member
        case TakenBack(paper, n):
            return about.get((paper, n)) == mine.member
        case Series(point):
            return point in mine.points
        case Sight(gateway, device):
            return (gateway, device) in mine.places
        case _:
            return False


def erase_papers(db: sqlite3.Connection, community: str, numbers: list[int]) -> None:
    """Take the bytes of these papers away, and what was taken out of them."""
    rows = [(community, seq) for seq in numbers]
    db.executemany(
        "UPDATE paper SET data = x'', name = 'erased ' || seq WHERE community = ? AND seq = ?", rows
    )
    for table in ("attestation", "taken_back", "sight"):
        db.executemany(f"DELETE FROM {table} WHERE community = ? AND paper = ?", rows)
    db.executemany(
        "DELETE FROM counter WHERE community = ? AND gateway = '' AND seq = ?"
        f" AND chain = '{OFFICIAL_CHAIN}'",
        rows,
    )
