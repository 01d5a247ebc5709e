"""The last good policy of a recycling point: signed by a steward, kept as a file, never older."""

import os
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.contract import policy
from gateway.contract.signed import SIGNED_BYTES_MAX, Malformed, digest
from gateway.kiosk import offer
from gateway.kiosk.offer import Rules

log = structlog.get_logger()

FILE = "policy.signed"


class Paper:
    """`rules` is what the point goes by, None until there ever was a policy.

    `refused` counts papers that no steward signed or that cannot be read.
    """

    def __init__(self, folder: Path, *, community: str, stewards: tuple[str, ...]) -> None:
        self.rules: Rules | None = None
        self.refused = 0
        self._path = folder / FILE
        self._community = community
        self._stewards = stewards
        self._to_come: tuple[Rules, bytes] | None = None
        self._refused_last = ""
        self._load()

    def _load(self) -> None:
        """What was kept is checked like anything that comes: whoever holds the card can write."""
        try:
            with self._path.open("rb") as file:
                data = file.read(SIGNED_BYTES_MAX + 1)
        except FileNotFoundError:
            return
        self.rules = self._checked(data)

    def _checked(self, data: bytes) -> Rules | None:
        """The rules of a paper, None where it cannot be believed; told once per paper."""
        try:
            document = policy.check(data, self._stewards)
            rules = offer.read(document.toml)
            if {document.community, rules.community} != {self._community}:
                raise Malformed(f"a policy of {document.community!r}")
        except ValueError as error:
            self.refused += 1
            if self._refused_last != (name := digest(data)):
                self._refused_last = name
                log.warning("policy_refused", reason=str(error)[:200], count=self.refused)
            return None
        return rules

    def take(self, data: bytes, *, utc_ms: int | None) -> bool:
        """A paper has come; gives whether the rules are others now.

        An older one than we have is an old one said again. One whose day has not begun here waits
        for it: our clock may be some seconds behind the hub's, which says it only once.
        """
        rules = self._checked(data)
        if rules is None:
            return False
        kept = self.rules
        if kept and rules.valid_from < kept.valid_from and not _is_to_come(kept, utc_ms):
            log.info("policy_is_older", valid_from=rules.valid_from.isoformat())
            return False
        if _is_to_come(rules, utc_ms):
            self._to_come = (rules, data)
            log.info("policy_to_come", valid_from=rules.valid_from.isoformat())
            return False
        return self._keep(rules, data)

    def tick(self, *, utc_ms: int | None) -> bool:
        """Time has passed; gives whether the rules are others now."""
        if self._to_come is None or _is_to_come(self._to_come[0], utc_ms):
            return False
        rules, data = self._to_come
        self._to_come = None
        return self._keep(rules, data)

    def _keep(self, rules: Rules, data: bytes) -> bool:
        if rules == self.rules:
            return False
        trial = self._path.with_suffix(".new")
        with trial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        trial.replace(self._path)
        self.rules = rules
        log.info("policy_taken", valid_from=rules.valid_from.isoformat())
        return True


def _is_to_come(rules: Rules, utc_ms: int | None) -> bool:
    """Whether its day begins later; who does not know the time believes the hub."""
    if utc_ms is None:
        return False
    today = datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(rules.zone).date()
    return rules.valid_from > today
