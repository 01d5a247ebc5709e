"""The hub's configuration, `bridge.toml`, and the keys and books it names."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from gateway.contract import settings
from gateway.contract.cards import load_key
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.keys import SigningKey
from ledger_bridge.books import store
from ledger_bridge.books.community import Community


def _is_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        if host != "localhost":
            ipaddress.IPv4Address(host)
        is_port = 0 <= int(port) <= 65535
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError(f"{text!r} is not an address and a port such as 127.0.0.1:7080")
    return text


class HubSettings(settings.Settings):
    """One flat TOML file; relative paths count from its folder."""

    community: settings.Id
    broker: str
    page: Annotated[str, AfterValidator(_is_address)] = "127.0.0.1:7080"
    books: str = "books.db"
    bridge_key: str = "keys/bridge.key"
    log_key: str = "keys/log.key"
    steward_key: str = "keys/steward.key"
    card_key: str = "card.key"


@dataclass(frozen=True, slots=True)
class Hub:
    """Where everything of a hub is."""

    settings: HubSettings
    config: Path

    @classmethod
    def load(cls, config: Path) -> "Hub":
        """Raises ConfigError with every mistake in the file."""
        return cls(settings.load(config, HubSettings), config)

    @property
    def community(self) -> str:
        return self.settings.community

    def path(self, relative: str) -> Path:
        return self.config.parent / relative

    @property
    def books(self) -> Path:
        return self.path(self.settings.books)

    @property
    def socket(self) -> Path:
        """Where a running bridge takes papers from the command line."""
        return self.books.with_suffix(".sock")

    def key(self, name: str) -> SigningKey:
        """The key called bridge, log or steward. Raises ConfigError."""
        return SigningKey.load(self.path(getattr(self.settings, f"{name}_key")))

    def card_key(self) -> bytes:
        return load_key(self.path(self.settings.card_key))

    def open_to_write(self) -> Community:
        """The books for their one writer; the caller holds the WriterLock.

        Raises ConfigError where a key is not the one that the community was founded with.
        """
        keys = {name: self.key(name) for name in ("bridge", "log")}
        db = store.open_to_write(self.books)
        community = Community(db, self.community, log_key=keys["log"])
        if founded := community.registry.founded:
            for name, said in (("bridge", founded.bridge), ("log", founded.log)):
                if keys[name].public.x != said:
                    what = f"not the {name} key that {self.community} was founded with"
                    where = str(self.path(getattr(self.settings, f"{name}_key")))
                    raise ConfigError(Problem(what, where, "restore it from your backup"))
        return community
