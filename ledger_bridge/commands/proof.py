"""`meterkast ledger proof` makes a proof file, `meterkast verify --proof` checks one."""

import sys
from pathlib import Path

from gateway.contract.errors import PeopleError, Problem, UsageError
from gateway.contract.keys import PublicKey
from gateway.contract.signed import Malformed
from ledger_bridge.books.log import proof as proofs
from ledger_bridge.books.log.proof import PROOF_BYTES_MAX, Forked
from ledger_bridge.books.log.proving import prove
from ledger_bridge.commands.common import CONFIG, Config, Json, read_books, show, tell


def proof(
    booking: int,
    /,
    *,
    out: Path | None = None,
    since: Path | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Write a file that proves a booking to whoever has it and the log's public key.

    It shows who got what, and how much was measured for it: think before sharing it.

    Parameters
    ----------
    booking
        Its number, as statements and the page show it.
    out
        The file; without it, booking-N.proof here. A dash is for stdout.
    since
        A checkpoint of the log that somebody kept: the file shows that the log only grew since.
    """
    books = read_books(config)
    made = prove(books.db, books.registry, booking, since=text_of(since) if since else "")
    text = proofs.render(made)
    path = out or Path(f"booking-{booking}.proof")
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        what = f"it cannot be written: {error.strerror}"
        raise UsageError(Problem(what, str(path), "--out FILE")) from error
    sentence = f"{path} proves booking {booking}; it shows what was measured, think before sharing"
    tell(
        f"{sentence}\ncheck it: meterkast verify --proof {path} --key {books.registry.log}",
        {"file": str(path), "booking": booking, "key": books.registry.log},
        json=json,
    )


def check(file: Path, *, key: str, checkpoint: Path | None, json: bool) -> int:
    """Say what a proof file shows, or why it shows nothing; exit 1 then."""
    if not key:
        try_ = "--key KEY, as `meterkast hub init` printed it; ask the stewards or your neighbour"
        raise UsageError(Problem("whose log is it?", "verify --proof: --key", try_))
    held = text_of(checkpoint) if checkpoint else ""
    try:
        shown = proofs.check(proofs.read(text_of(file)), public(key), held=held)
    except (Malformed, Forked) as error:
        where = f"{file}, {checkpoint}" if checkpoint else str(file)
        if json:
            show({"verified": False, "what": str(error), "where": where})
        elif isinstance(error, Forked):
            print(f"ALARM:   {error}\nwhere:   {where}")
            print("try:     keep both files, and show them to the stewards and to your neighbours")
        else:
            print(f"differs: {error}\nwhere:   {where}")
        return 1
    if json:
        show({"verified": True, **shown._asdict()})
        return 0
    print("\n".join(shown.words))
    print(f"verified: leaf {shown.place} of the {shown.size} in the log of {shown.community}")
    if held:
        print("verified: since the checkpoint that was kept, the log only grew")
    return 0


def public(key: str) -> PublicKey:
    """A log's key as people paste it. Raises UsageError."""
    try:
        return PublicKey(key)
    except ValueError as error:
        try_ = "the 43 characters that `meterkast hub init` printed for auditors"
        raise UsageError(Problem(f"{key!r} is no Ed25519 key", "--key", try_)) from error


def text_of(file: Path) -> str:
    """A proof or a checkpoint, byte for byte. Raises PeopleError."""
    try:
        if file.stat().st_size > PROOF_BYTES_MAX:
            what = f"{file.stat().st_size} bytes, at most {PROOF_BYTES_MAX}"
            raise PeopleError(Problem(what, str(file), "a proof file or a checkpoint"))
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        what = f"it cannot be read: {error}"
        raise PeopleError(Problem(what, str(file), "a proof file or a checkpoint")) from error
