"""New settings without a restart: when the file has changed, or on SIGHUP; the last good ones stay.

A file is looked at once it has stopped changing. Settings take effect all at once or not at all.
"""

import asyncio
import signal
from pathlib import Path

import structlog

from gateway import config as settings
from gateway.config import Config
from gateway.contract.errors import PeopleError

log = structlog.get_logger()

LOOK_S = 2.0

# What tells one state of a file from another; None where there is none.
_Stamp = tuple[int, int, int] | None


class Settings:
    """The settings of a running gateway and the file that they come from.

    `refused` says why the file as it is now cannot be used, "" where it can.
    """

    def __init__(self, path: Path) -> None:
        """Raises ConfigError."""
        self.path = path
        self.refused = ""
        self._seen = _stamp(path)
        self.good = settings.load(path)
        self._before = self.good

    def look(self) -> Config | None:
        """Read the file anew: the settings in it, None where they cannot be used."""
        self._seen = _stamp(self.path)
        try:
            read = settings.load(self.path)
        except PeopleError as error:
            self._refuse(error)
            return None
        self.refused = ""
        return read

    def take(self, config: Config) -> None:
        """These are in use now, until `keep` says otherwise."""
        self._before, self.good = self.good, config

    def keep(self, error: PeopleError) -> Config:
        """Those taken last cannot be started with: the ones before, which could."""
        self._refuse(error)
        self.good = self._before
        return self.good

    def _refuse(self, error: PeopleError) -> None:
        first, *others = error.problems
        more = f" (and {len(others)} more)" if others else ""
        self.refused = f"{first.what}; {first.where}{more}"
        for problem in error.problems:
            log.error("config_refused", what=problem.what, where=problem.where, try_=problem.try_)

    async def news(self) -> Config:
        """Wait for settings that can be used: other ones, or whichever a SIGHUP asks for.

        Who sends SIGHUP has changed something, if only a file that the settings name. Who enrols
        with another key writes the same settings once more.
        """
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, told.set)
        changing, key = self._seen, _stamp(self.good.key)
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await told.wait()
            except TimeoutError:
                now = _stamp(self.path)
                # A change counts once the file has stayed as it is for one look.
                is_settled, changing = now == changing, now
                if not is_settled or now in {self._seen, None}:
                    continue
            is_asked = told.is_set()
            told.clear()
            config = self.look()
            if config and (is_asked or config != self.good or _stamp(config.key) != key):
                return config


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
