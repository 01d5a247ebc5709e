"""The hub's configuration, `bridge.toml`, and the keys and books it names."""

from dataclasses import dataclass
from pathlib import Path

from gateway.contract import settings
from gateway.contract.cards import load_key
from gateway.contract.keys import SigningKey
from ledger_bridge.books import store
from ledger_bridge.books.community import Community


class HubSettings(settings.Settings):
    """One flat TOML file; relative paths count from its folder."""

    community: settings.Id
    broker: str
    page: str = "127.0.0.1:7080"
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
        """The books for their one writer; the caller holds the WriterLock."""
        db = store.open_to_write(self.books)
        return Community(db, self.community, log_key=self.key("log"))
