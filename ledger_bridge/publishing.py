"""The log put into files while the bridge runs, for any web server to serve."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

import structlog

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books import store
from ledger_bridge.books.log.stored import Log, epochs
from ledger_bridge.books.log.tiles import publish
from ledger_bridge.hub import Hub, restored

log = structlog.get_logger()

# At most so often: files are written and flushed each time.
PUBLISH_S = 1.0


class Publishing:
    """The one writer of the log's folder."""

    def __init__(self, hub: Hub, handovers: Callable[[], tuple[str, ...]]) -> None:
        self._hub = hub
        self._handovers = handovers
        self._trouble = ""

    async def run(self, version: Callable[[], int]) -> None:
        """Publish what is new, for ever: first what was booked while nobody did.

        `version` changes with the books.
        """
        published = -1
        while True:
            now = version()
            if now != published and not await asyncio.to_thread(self.publish):
                published = now
            await asyncio.sleep(PUBLISH_S)

    def publish(self) -> bool:
        """Publish some of what is new; gives whether to come back for more.

        What keeps it from doing so is told once, and does not keep the bridge from its work.
        """
        try:
            is_more = self._publish()
        except PeopleError as error:
            self._tell(error.problems[0].what, error.problems[0].try_)
            return False
        except (OSError, sqlite3.OperationalError) as error:
            self._tell(str(error), f"room, and leave to write in {self._hub.log_folder}")
            return True
        self._trouble = ""
        return is_more

    def _publish(self) -> bool:
        db = store.open_to_read(self._hub.books)
        try:
            db.execute("BEGIN")
            *ended, growing = epochs(db, self._hub.community)
            self._must_be_begun_again(growing)
            folder, handovers = self._hub.log_folder, self._handovers()
            is_more = False
            for one in ended:
                # An epoch ends because books were restored: what others saw of it stays there.
                with contextlib.suppress(PeopleError):
                    is_more |= publish(folder, one, handovers)
            return publish(folder, growing, handovers) or is_more
        finally:
            db.close()

    def _must_be_begun_again(self, growing: Log) -> None:
        """Raises PeopleError where the books are a backup and its epoch still goes on."""
        mark = restored(self._hub.books)
        if not mark.exists():
            return
        if growing.epoch <= int(mark.read_text("ascii")):
            what = "these books are a backup: others may have seen more of the log"
            try_ = "meterkast hub restored"
            raise PeopleError(Problem(what, str(self._hub.books), try_))
        mark.unlink()

    def _tell(self, what: str, try_: str) -> None:
        if what != self._trouble:
            self._trouble = what
            log.error("log_not_published", what=what, **{"try": try_})
