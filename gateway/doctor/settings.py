"""The settings: every mistake in them, and the files that they name."""

import stat
from collections.abc import Iterator
from pathlib import Path

from gateway import web
from gateway.addresses import address, is_loopback
from gateway.config import Config
from gateway.contract import cards
from gateway.contract.errors import PeopleError, Unreachable
from gateway.contract.keys import SigningKey
from gateway.doctor.patient import Finding, Patient


def mistakes(error: PeopleError) -> list[Finding]:
    """Settings that cannot be used: nothing else can be examined by them."""
    return [Finding(*problem) for problem in error.problems]


def examine(patient: Patient) -> Iterator[Finding]:
    config = patient.config
    yield Finding("the settings are good", str(patient.file))
    if config.community:
        yield from _key(config.key)
    if config.kiosk:
        try:
            cards.load_key(config.kiosk.card_key)
        except PeopleError as error:
            yield from mistakes(error)
    if patient.running is None:
        yield from _addresses(config)
    if config.page and not is_loopback(address(config.page)[0]):
        # Not wrong: a household may want it so. It should know.
        yield Finding("the page can be seen by everybody in the house", f"page = {config.page}")


def _addresses(config: Config) -> Iterator[Finding]:
    """Whether somebody else listens where the gateway would."""
    screen = config.kiosk and config.kiosk.screen
    for key, where in (("page", config.page), ("health", config.health), ("screen", screen)):
        if where:
            try:
                web.listen(where, key=key).close()
            except Unreachable as error:
                yield from mistakes(error)


def _key(path: Path) -> Iterator[Finding]:
    try:
        SigningKey.load(path)
    except PeopleError as error:
        yield from mistakes(error)
        return
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(
            "other users of this machine can read the key", str(path), f"chmod 600 {path}"
        )
    else:
        yield Finding("the key is ours alone", str(path))
