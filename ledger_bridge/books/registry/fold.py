"""The registry after one more edit, and after many: all or none."""

from collections.abc import Iterable
from dataclasses import replace

from ledger_bridge.books.registry import accounts, keys, leaving, meters, waste
from ledger_bridge.books.registry.edits import (
    AccountEdit,
    Edit,
    Founded,
    KeyEdit,
    LeavingEdit,
    WasteEdit,
)
from ledger_bridge.books.registry.registry import Registry, refuse


def apply(registry: Registry, edits: Iterable[Edit]) -> Registry:
    """The registry after these edits. Raises PeopleError where one contradicts what is there."""
    for edit in edits:
        registry = _after(registry, edit)
    return registry


def _after(registry: Registry, edit: Edit) -> Registry:
    if isinstance(edit, Founded):
        if registry.founded:
            raise refuse("the community is founded already", registry.community, "go on")
        return replace(
            registry,
            founded=edit,
            stewards=edit.stewards,
            asked=1,
            bridge=edit.bridge,
            log=edit.log,
            log_keys=(edit.log,),
        )
    if isinstance(edit, AccountEdit):
        return accounts.after(registry, edit)
    if isinstance(edit, LeavingEdit):
        return leaving.after(registry, edit)
    if isinstance(edit, KeyEdit):
        return keys.after(registry, edit)
    if isinstance(edit, WasteEdit):
        return waste.after(registry, edit)
    return meters.after(registry, edit)
