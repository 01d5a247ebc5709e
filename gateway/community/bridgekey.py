"""The bridge's key in use: the one in the settings, or whichever it has handed over to since.

What was learned is kept as a file, so that nobody who found an old key is believed after a restart.
"""

import os
from pathlib import Path

import structlog

from gateway.contract import rotation
from gateway.contract.keys import PublicKey
from gateway.contract.signed import SIGNED_BYTES_MAX, Malformed

log = structlog.get_logger()

FILE = "bridge-keys.signed"


class BridgeKey:
    """`key` checks what the bridge says now; it never goes back to an older one."""

    def __init__(self, configured: PublicKey, *, community: str, folder: Path) -> None:
        self.key = configured
        self._configured = configured
        self._community = community
        self._path = folder / FILE
        self._load()

    def _load(self) -> None:
        """What was kept is checked like anything that comes: whoever holds the card can write."""
        try:
            with self._path.open("rb") as file:
                self.key = self._leads_to(file.read(SIGNED_BYTES_MAX + 1))
        except FileNotFoundError:
            return
        except (OSError, Malformed) as error:
            log.warning("bridge_keys_unreadable", file=str(self._path), reason=str(error))

    def _leads_to(self, message: bytes) -> PublicKey:
        if len(message) > SIGNED_BYTES_MAX:
            raise Malformed(f"rotations of more than {SIGNED_BYTES_MAX} bytes")
        return rotation.follow(message, self._community, self._configured)

    def take(self, message: bytes) -> None:
        """All rotations of the bridge's key, as the broker keeps them. Raises Malformed.

        They count where they lead on from the key in use: an old message, said again, does not.
        """
        new = self._leads_to(message)
        if new.kid == self.key.kid:
            return
        if rotation.follow(message, self._community, self.key).kid != new.kid:
            log.info("bridge_keys_are_older")
            return
        self._keep(message)
        self.key = new
        log.info("bridge_key_renewed", kid=new.kid)

    def _keep(self, message: bytes) -> None:
        trial = self._path.with_suffix(".new")
        try:
            with trial.open("wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            trial.replace(self._path)
        except OSError as error:
            # Believed until the restart; then the broker says it again.
            log.warning("bridge_keys_not_kept", file=str(self._path), reason=str(error))
