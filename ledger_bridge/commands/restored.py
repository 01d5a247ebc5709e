"""`meterkast hub restored`: the log begins again, after a backup or where its key is lost."""

from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract import signed
from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from gateway.contract.keys import PublicKey
from gateway.contract.signed import Malformed
from ledger_bridge.books import store
from ledger_bridge.books.log.note import epoch_of, is_by, origin
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry import restart
from ledger_bridge.books.registry.edits import Edits, KeyEdit, LogBegunAgain
from ledger_bridge.books.registry.restart import Restart
from ledger_bridge.commands.common import CONFIG, Config, Json, Reading, edit, read_books, tell
from ledger_bridge.commands.papers import going_round, must_be_enough, send_round
from ledger_bridge.commands.proof import text_of

PAPER = Path("restored.signed")


def restored(
    *,
    checkpoint: Path | None = None,
    new_key: Annotated[bool, cyclopts.Parameter(name="--new-key", negative="")] = False,
    paper: Path | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Begin the log again: the books were restored from a backup, or the log's key is lost.

    Others may have seen more of the log than a backup has. What they keep stays true of the log
    before; from now on it is another one, and its first leaf says where it goes on. As many
    stewards must sign as for a policy: where that is more than one, a paper is made,
    restored.signed, that the others sign with `policy sign`; then --paper hands it in.

    Parameters
    ----------
    checkpoint
        The newest checkpoint of the log that anybody kept, if it is newer than the backup.
    new_key
        Make a new key for the log: the one before is lost, or known to others. Stop the bridge.
    paper
        The paper that went round.
    """
    books = read_books(config)
    registry, hub, own = books.registry, books.hub, books.hub.key("steward")
    if paper:
        data = signed.add(
            going_round(paper, restart.read, made_by="meterkast hub restored"), key=own
        )
    else:
        # Books from before a change of keys name the old one; the hub has the one after it.
        log_key = hub.next_key("log").public.x if new_key else hub.key("log").public.x
        seen = _seen(books, checkpoint, log_key) if checkpoint else ""
        asked = Restart(books.community, restart.following(registry, seen), log_key, seen)
        data = restart.make(asked, key=own)
        if registry.asked > 1:
            data = send_round(PAPER, data, key=own)
    must_be_enough(data, books, paper or PAPER)
    asked = restart.read(data)
    begun = LogBegunAgain(data.decode())
    if asked.key == registry.log:
        edit(hub, begun)
    else:
        recover(books, begun, whose="log", x=asked.key, log=asked.key)
    name = origin(books.community, asked.number)
    sentence = f"the log begins again as {name}\nauditors need its key: {asked.key}"
    tell(sentence, {"origin": name, "epoch": asked.number, "log_key": asked.key}, json=json)


def _seen(books: Reading, checkpoint: Path, log_key: str) -> str:
    """A checkpoint of this log that somebody kept. Raises UsageError."""
    note = text_of(checkpoint)
    try:
        epoch_of(note, books.community)
        is_ours = any(is_by(note, PublicKey(x)) for x in (*books.registry.log_keys, log_key))
    except Malformed as error:
        raise UsageError(Problem(str(error), str(checkpoint), "a checkpoint")) from error
    if not is_ours:
        what = f"no checkpoint that the log of {books.community} signed"
        try_ = "another file; or none, where the log's key was changed after the backup"
        raise UsageError(Problem(what, str(checkpoint), try_))
    return note


def recover(books: Reading, edit: KeyEdit, *, whose: str, x: str, log: str) -> None:
    """Hand an edit in that gives `whose` key to `x`, where the key in use cannot sign any more.
    `log` is the log's key from then on. The bridge must not run.
    """
    hub, now_ms = books.hub, domain_clock().utc_ms()
    edits = Edits(books.community, now_ms, (edit,))
    document = registries.make(edits, key=hub.key("steward"))
    lock = store.WriterLock(hub.books)
    try:
        community = hub.open_to_recover(hub.key_in_use("log", log))
        try:
            community.hand_in_edits(document, {}, now_ms=now_ms)
        finally:
            community.db.close()
        hub.finish_rotation(whose, x)
    finally:
        lock.release()
