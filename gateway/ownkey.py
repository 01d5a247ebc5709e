"""The gateway's own key: loaded, and another one put in its place.

A rotation makes the new key beside the old one, has the journal say so in its chains, and puts the
new file in place of the old. Whatever ends it half-way, the next start goes on from what the
journal says: either nothing has happened yet, or only the files are left to change places.
"""

import os
from contextlib import closing
from pathlib import Path

import structlog

from gateway.config import Config
from gateway.contract import record, schema, signed
from gateway.contract.clock import Clock
from gateway.contract.errors import ConfigError, Problem, UsageError
from gateway.contract.keys import SigningKey, kept
from gateway.contract.record import KEY
from gateway.intake import moment_of
from gateway.journal import Journal
from gateway.quarter import Moment

log = structlog.get_logger()


def load(config: Config, *, clock: Clock) -> SigningKey:
    """The key in use; a rotation that was cut off is finished or forgotten first.

    A house without a community needs no enrolment: its key is made here. Raises ConfigError.
    """
    if config.community is None and not kept(config.key).exists():
        return SigningKey.create(config.key)
    old = SigningKey.load(config.key)
    if not _new(config.key).exists():
        return old
    if _is_said(config, old, clock):
        _exchange(config.key)
        log.info("key_rotation_finished")
    else:
        _new(config.key).unlink()
    return SigningKey.load(config.key)


def rotate(config: Config, *, clock: Clock) -> SigningKey:
    """A new key, which from here on signs. The gateway must not run: it has the journal.

    Raises PeopleError, and then the old key goes on.
    """
    if config.community is None:
        what = "this house has no community that should know its key"
        raise UsageError(Problem(what, str(config.key), "nothing: its records stay in the house"))
    old = load(config, clock=clock)
    new = SigningKey.create(_new(config.key))
    schema.sync(config.key.parent)  # the journal must not name a key that a power cut takes
    with closing(_journal(config, old, clock)) as journal:
        journal.renew(new, moment_of(clock))
        is_said = _is_said_in(journal, new)
    if not is_said:
        _new(config.key).unlink()
        what = "this gateway has made no record yet that could name its new key"
        try_ = f"remove {config.key}, meterkast enrol, and have the co-op admit what it prints"
        raise UsageError(Problem(what, str(config.data), try_))
    _exchange(config.key)
    return new


def go_on(journal: Journal, key: SigningKey, moment: Moment) -> None:
    """See that all that waits can be delivered under this key. Raises NotKept, and nothing changes.

    What another key signed that is lost no hub takes any more: it goes into a new chain.
    """
    if _is_said_in(journal, key):
        return  # the one before handed over to it
    for chain in [one for one in journal.chains() if one.shared]:
        waiting = journal.records(chain.chain, start=chain.receipted + 1, limit=1)
        if not waiting or signed.parse(waiting[0]).by(key.public):
            continue
        if chain.current:
            journal.begin_again(chain.kind, moment)
        else:
            journal.carry(chain, moment)


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _journal(config: Config, key: SigningKey, clock: Clock) -> Journal:
    return Journal.open(
        config.data, community=config.community, gateway=config.gateway, key=key, boot=clock.boot
    )


def _is_said(config: Config, old: SigningKey, clock: Clock) -> bool:
    """Whether the journal says that the new key signs."""
    try:
        new = SigningKey.load(_new(config.key))
    except ConfigError:
        return False  # cut off while it was written
    with closing(_journal(config, old, clock)) as journal:
        return _is_said_in(journal, new)


def _is_said_in(journal: Journal, new: SigningKey) -> bool:
    said = [record.parse(data)[1].elements for data in journal.newest(KEY, 1)]
    return any(one.n == "key/x" and one.vs == new.public.x for pack in said for one in pack)


def _exchange(path: Path) -> None:
    """Put the new key in the place of the old one, which is kept beside it."""
    aside, between = (path.with_name(f"{path.name}.{end}") for end in ("old", "between"))
    between.unlink(missing_ok=True)
    os.link(path, between)
    between.replace(aside)
    _new(path).replace(path)
    schema.sync(path.parent)
