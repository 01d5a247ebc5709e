"""The hub's configuration, `bridge.toml`, and the keys and books it names."""

import contextlib
import ipaddress
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator

from gateway.contract import settings, tls
from gateway.contract.cards import load_key
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.keys import SigningKey, kept
from gateway.contract.link import Broker
from gateway.contract.tls import Tls
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.timeseries.target import Engine, Target


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


def _is_url(text: str) -> str:
    parts = urlsplit(text)
    is_here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    is_plain = not (parts.path or parts.query or parts.fragment or parts.username)
    if not parts.hostname or not is_plain or not (parts.scheme == "https" or is_here):
        raise ValueError(f"{text!r} is no address such as https://hub.example.nl")
    return text


def _is_http(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_http = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_http = False
    if not is_http or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not an address such as http://127.0.0.1:8086")
    return text.rstrip("/")


class HubSettings(settings.Settings):
    """One flat TOML file; relative paths count from its folder."""

    community: settings.Id
    broker: str
    broker_tls: Tls | None = None
    page: Annotated[str, AfterValidator(_is_address)] = "127.0.0.1:7080"
    enrol: Annotated[str, AfterValidator(_is_url)] | None = None
    books: str = "books.db"
    bridge_key: str = "keys/bridge.key"
    log_key: str = "keys/log.key"
    steward_key: str = "keys/steward.key"
    card_key: str = "card.key"
    series_url: Annotated[str, AfterValidator(_is_http)] | None = None
    series_engine: Engine = "influxdb2"
    series_org: str = ""
    series_bucket: str = "meterkast"
    series_bucket_months: str = "meterkast_months"
    series_token_file: str | None = None


def _mistakes(tables: dict[str, Any], *, base: Path) -> Iterator[settings.Mistake]:
    yield from tls.mistakes(tables, broker="broker", base=base)
    if "series_url" in tables:
        # Told here, where the address is not shown.
        if "@" in str(tables["series_url"]):
            what = "an address with a name or a password in it"
            yield settings.Mistake(("series_url",), what, "put them into series_token_file")
        engine = tables.get("series_engine", "influxdb2")
        if engine == "influxdb2" and not tables.get("series_org"):
            what = "InfluxDB 2 asks for an organisation"
            yield settings.Mistake(("series_url",), what, "add series_org = …")
        years, months = (
            tables.get(key, HubSettings.model_fields[key].default)
            for key in ("series_bucket", "series_bucket_months")
        )
        if years == months:
            what = f"years would go after three months: {years!r} is the bucket of both"
            yield settings.Mistake(("series_bucket_months",), what, "name another one")


@dataclass(frozen=True, slots=True)
class Hub:
    """Where everything of a hub is."""

    settings: HubSettings
    config: Path

    @classmethod
    def load(cls, config: Path) -> "Hub":
        """Raises ConfigError with every mistake in the file."""
        check = partial(_mistakes, base=config.parent)
        return cls(settings.load(config, HubSettings, check=check), config)

    @property
    def community(self) -> str:
        return self.settings.community

    @property
    def broker(self) -> Broker:
        """Where its records come from. Raises ConfigError."""
        files = self.settings.broker_tls
        return Broker.parse(
            self.settings.broker,
            where=f"{self.config}: broker",
            files=files and files.under(self.config.parent),
        )

    def path(self, relative: str) -> Path:
        return self.config.parent / relative

    @property
    def books(self) -> Path:
        return self.path(self.settings.books)

    @property
    def log_folder(self) -> Path:
        """Where the community's log lies as files, for any web server to serve."""
        return self.books.with_name("log")

    @property
    def tls_folder(self) -> Path:
        """Where the community's CA is, with what it gave to whom."""
        return self.path("tls")

    @property
    def socket(self) -> Path:
        """Where a running bridge takes papers from the command line."""
        return self.books.with_suffix(".sock")

    @property
    def place(self) -> Path:
        """How far time series are, and what of them waits."""
        return self.books.with_name("series.db")

    @property
    def series(self) -> Target | None:
        """Where time series go; None for nowhere. Raises ConfigError where there is no token."""
        here = self.settings
        if here.series_url is None:
            return None
        return Target(
            engine=here.series_engine,
            url=here.series_url,
            org=here.series_org,
            years=here.series_bucket,
            months=here.series_bucket_months,
            token=_token(kept(self.path(here.series_token_file))) if here.series_token_file else "",
        )

    def key(self, name: str) -> SigningKey:
        """The key called bridge, log or steward. Raises ConfigError."""
        return SigningKey.load(self._key_path(name))

    def key_in_use(self, name: str, x: str) -> SigningKey:
        """The key of bridge or log whose JWK member this is. Raises ConfigError where it is not
        here.

        While a rotation is under way it still lies in the file for the next key.
        """
        path = self._key_path(name)
        for file in (path, self.next_key_path(name), path):
            if kept(file).exists() and (key := SigningKey.load(file)).public.x == x:
                return key
        raise self._not_the_key(name)

    def _key_path(self, name: str) -> Path:
        return self.path(getattr(self.settings, f"{name}_key"))

    def next_key_path(self, name: str) -> Path:
        """Where a new key of bridge or log lies until the registry names it."""
        return self._key_path(name).with_suffix(".next")

    def next_key(self, name: str) -> SigningKey:
        """A new key of bridge or log; the one that waits already, where a change was cut off."""
        path = self.next_key_path(name)
        return SigningKey.load(path) if path.exists() else SigningKey.create(path)

    def finish_rotation(self, name: str, x: str) -> bool:
        """Put the next key in its place where it is the one in use; the one before stays beside it.

        Gives whether there was anything to do: also after an end in the midst of it.
        """
        path, next_path = self._key_path(name), self.next_key_path(name)
        if not next_path.exists() or SigningKey.load(next_path).public.x != x:
            return False
        if path.exists() and (old := SigningKey.load(path)).public.x != x:
            with contextlib.suppress(FileExistsError):
                path.with_suffix(f".until-{old.public.kid[:8]}").hardlink_to(path)
        next_path.replace(path)
        return True

    def _not_the_key(self, name: str) -> ConfigError:
        what = f"not the {name} key that {self.community} uses"
        try_ = "restore it from your backup"
        if name == "log":
            try_ += "; where the books are a backup from before it changed: meterkast hub restored"
        return ConfigError(Problem(what, str(self._key_path(name)), try_))

    def card_key(self) -> bytes:
        return load_key(self.path(self.settings.card_key))

    def open_to_write(self) -> Community:
        """The books for their one writer; the caller holds the WriterLock.

        Raises ConfigError where a key is not the one that the community uses.
        """
        log_key = self._first_log_key()
        db = store.open_to_write(self.books)
        community = Community(
            db, self.community, log_key=log_key, log_keys=partial(self.key_in_use, "log")
        )
        if community.registry.founded:
            for name in ("log", "bridge"):
                in_use = getattr(community.registry, name)
                self.finish_rotation(name, in_use)
                if self.key(name).public.x != in_use:
                    raise self._not_the_key(name)
        return community

    def open_to_recover(self, log_key: SigningKey) -> Community:
        """The books for a writer who begins the log again under another key than the one in use."""
        db = store.open_to_write(self.books)
        return Community(db, self.community, log_key=log_key, log_keys=lambda _: log_key)

    def _first_log_key(self) -> SigningKey:
        """A key to open the books with; where the registry names another one, that one is taken."""
        path = self._key_path("log")
        following = self.next_key_path("log")
        is_moved = following.exists() and not kept(path).exists()
        return SigningKey.load(following if is_moved else path)


def restored(books: Path) -> Path:
    """Lies beside books that came out of a backup, and names the epoch of their log.

    Others may have seen more of it: nothing more of that epoch may be published.
    """
    return books.with_suffix(".restored")


def _token(path: Path) -> str:
    """What a file says, which nobody else may read. Raises ConfigError."""
    try:
        token = path.read_text("ascii").strip()
        is_open = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except OSError as error:
        what = f"no token for time series: {error.strerror}"
        try_ = "put the database's token there, alone, and chmod 600"
        raise ConfigError(Problem(what, str(path), try_)) from error
    except ValueError as error:
        what, try_ = "no token for time series: it is not ASCII", "one token and nothing else"
        raise ConfigError(Problem(what, str(path), try_)) from error
    if is_open:
        what = "other users of this machine can read the token for time series"
        raise ConfigError(Problem(what, str(path), f"chmod 600 {path}"))
    if not token or not token.isprintable() or " " in token:
        what = "no token for time series: the file has to have one word"
        raise ConfigError(Problem(what, str(path), "put the database's token there, alone"))
    return token
