"""What every rule of a policy says; the rest is said by the file in `rules/` that it names."""

from typing import NamedTuple

from gateway.contract import settings
from ledger_bridge.books.policy.assets import Asset
from ledger_bridge.books.policy.fractions import WasteKind
from ledger_bridge.books.policy.numbers import Cap


class Rule(settings.Settings):
    """One dated rule: which file of `rules/` it is, in which version, and what it pays in.

    A rule file adds its own keys in a class of its own. Rules of one `exclusive` set reward a
    quantity only once.
    """

    id: settings.Id
    rule: str
    version: int
    asset: str
    exclusive: str = ""
    cap: Cap | None = None

    @property
    def weeks(self) -> int:
        """How many weeks a claim is about; 0: a local day."""
        return self.cap.weeks if self.cap else 0


class Declared(NamedTuple):
    """What a rule may name: assets by their codes, fractions by their ids."""

    assets: dict[str, Asset]
    fractions: dict[str, WasteKind]
