"""The desk: where signed papers are handed in, by the command line or the page.

A running bridge takes them through its Unix socket; when it is down, whoever comes takes the
writer's lock and does the same work in place. One JSON line asks, one answers.
"""

import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway.contract.clock import Clock, domain_clock
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.signed import PAPER_BYTES_MAX, Malformed
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.books.store import BookInUse
from ledger_bridge.hub import Hub
from ledger_bridge.orders import Orders

# A request is one signed document and some names.
REQUEST_BYTES_MAX = 3 * PAPER_BYTES_MAX
ANSWER_S_MAX = 60.0
# What whoever was not answered does, where asking twice is asking once.
AGAIN = "ask again; nothing is done twice"
# A bridge that has just been started opens its desk within this.
OPENS_S_MAX = 20.0


class Paper(msgspec.Struct):
    """What is handed in: `document` is two signed lines, of which `kind` says what they are: edits,
    evidence, policy, act or order.
    """

    kind: str
    document: str
    people: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)


class Answer(msgspec.Struct):
    """What came of it: a number, a policy hash or an order's id, or the problems."""

    result: str = ""
    problems: list[tuple[str, str, str]] = msgspec.field(default_factory=list)


def take(community: Community, paper: Paper, *, now_ms: int) -> Answer:
    """Do what a paper asks for. Never raises for what the paper says."""
    try:
        return Answer(_done(community, paper, now_ms=now_ms))
    except Malformed as error:
        return Answer(problems=[(str(error), paper.kind, "sign it with a steward's key")])
    except PeopleError as error:
        return Answer(problems=[(p.what, p.where, p.try_) for p in error.problems])
    except sqlite3.OperationalError as error:
        # A full disk, above all. The commit is undone as a whole.
        what, try_ = f"the books cannot be written: {error}", "make room, then ask again"
        return Answer(problems=[(what, f"{paper.kind}; nothing was changed", try_)])


def _done(community: Community, paper: Paper, *, now_ms: int) -> str:
    """What came of a paper. Raises Malformed or PeopleError."""
    data = paper.document.encode()
    match paper.kind:
        case "edits":
            community.hand_in_edits(data, paper.people, now_ms=now_ms)
            return ""
        case "evidence":
            return str(community.hand_in_evidence(data, now_ms=now_ms))
        case "policy":
            return community.hand_in_policy(data, now_ms=now_ms).hash
        case "act":
            while community.settle(now_ms):
                pass
            booking = community.decide(data, now_ms=now_ms)
            # A close ends the waiting for counts of its days: what they were shared is due now.
            # The act stands already: what a full disk keeps back keeps its mark.
            with suppress(sqlite3.OperationalError):
                while community.settle(now_ms):
                    pass
            return str(booking)
        case "order":
            orders = Orders(community.db, community.id)
            return orders.take(data, registry=community.registry, now_ms=now_ms)
        case other:
            raise Malformed(f"a paper of kind {other!r}")


def hand_in(hub: Hub, paper: Paper, *, again: str = AGAIN) -> str:
    """Hand a paper in; gives the result. Raises PeopleError with what the desk said against it.

    `again` tells somebody whom nobody answered how to ask so that it is done once.
    """
    deadline = time.monotonic() + OPENS_S_MAX
    while True:
        try:
            answer = _ask(hub, paper, again)
            break
        except (FileNotFoundError, ConnectionRefusedError):
            try:
                answer = _in_place(hub, paper, domain_clock())
                break
            except BookInUse:
                # A bridge that starts holds the books before it opens its desk.
                if time.monotonic() > deadline:
                    raise
        time.sleep(0.1)
    if answer.problems:
        raise PeopleError(*(Problem(*problem) for problem in answer.problems))
    return answer.result


def _ask(hub: Hub, paper: Paper, again: str) -> Answer:
    what = "the bridge went away before it answered"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
        desk.settimeout(ANSWER_S_MAX)
        with _short(hub.socket) as path:
            desk.connect(path)
        try:
            desk.sendall(msgspec.json.encode(paper) + b"\n")
            with desk.makefile("rb") as stream:
                line = stream.readline()
        except TimeoutError:
            what = f"the bridge has not answered within {ANSWER_S_MAX:.0f} s, and may do it still"
            line = b""
        except (ConnectionResetError, BrokenPipeError):
            line = b""
    if not line.endswith(b"\n"):
        raise PeopleError(Problem(what, str(hub.socket), again))
    return msgspec.json.decode(line, type=Answer)


def _in_place(hub: Hub, paper: Paper, clock: Clock) -> Answer:
    lock = store.WriterLock(hub.books)
    try:
        community = hub.open_to_write()
        try:
            return take(community, paper, now_ms=clock.utc_ms())
        finally:
            community.db.close()
    finally:
        lock.release()


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for the socket that fits the 107 bytes of a Unix address, however deep it lies."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def serve(hub: Hub, answer: Callable[[Paper], Answer]) -> None:
    """Take papers at the Unix socket until cancelled."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            paper = msgspec.json.decode(await reader.readline(), type=Paper)
            reply = answer(paper)
        except (ValueError, msgspec.MsgspecError) as error:
            reply = Answer(problems=[(f"not a paper: {error}", "desk", "use meterkast")])
        writer.write(msgspec.json.encode(reply) + b"\n")
        await writer.drain()
        writer.close()

    hub.socket.unlink(missing_ok=True)
    with _short(hub.socket) as path:
        server = await asyncio.start_unix_server(meet, path, limit=REQUEST_BYTES_MAX)
    hub.socket.chmod(0o600)
    async with server:
        await server.serve_forever()


def result(value: Any) -> str:
    """A value as the one JSON line that `--json` prints."""
    return msgspec.json.encode(value).decode()
