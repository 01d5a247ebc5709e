"""Members with their accounts, the accounts that are nobody's, and limits for acts."""

from dataclasses import replace

from gateway.contract.record import is_id
from ledger_bridge.books.book import AMOUNT_MAX
from ledger_bridge.books.registry.edits import (
    AccountEdit,
    AccountOpened,
    CardGiven,
    LimitSet,
    MemberAdded,
)
from ledger_bridge.books.registry.registry import ROLES, Account, Limit, Registry, refuse


def after(registry: Registry, edit: AccountEdit) -> Registry:
    match edit:
        case MemberAdded(member, account):
            return _member(registry, member, account)
        case AccountOpened():
            return _opened(registry, edit)
        case LimitSet():
            return _limit(registry, edit)
        case CardGiven(card, member):
            registry.must_know(member, f"card {card[:8]}…")
            return replace(registry, cards={**registry.cards, card: member})


def _must_be_free(registry: Registry, name: str, account: str, what: str) -> None:
    if not is_id(name):
        raise refuse(f"{name!r} is no id", what, "use 1 to 40 of a-z, 0-9 and -")
    if name in registry.accounts or name in registry.others:
        raise refuse(f"{what} {name!r} is there already", "registry", "choose another id")
    taken = registry.founded is not None and registry.founded.issuance == account
    if taken or registry.holder_of(account) is not None:
        raise refuse(f"account {account!r} is somebody's already", f"{what} {name}", "another id")


def _member(registry: Registry, member: str, account: str) -> Registry:
    _must_be_free(registry, member, account, "member")
    return replace(registry, accounts={**registry.accounts, member: account})


def _opened(registry: Registry, edit: AccountOpened) -> Registry:
    _must_be_free(registry, edit.name, edit.account, "account")
    if edit.role not in ROLES:
        raise refuse(
            f"{edit.role!r} is no role", f"account {edit.name}", f"roles: {', '.join(ROLES)}"
        )
    if edit.role != "pool" and registry.of_role(edit.role):
        what = f"there is one account for {edit.role} already"
        raise refuse(what, f"account {edit.name}", "several are for pools only")
    opened = Account(edit.account, edit.role)
    return replace(registry, others={**registry.others, edit.name: opened})


def _limit(registry: Registry, edit: LimitSet) -> Registry:
    where = f"limit of {edit.holder}"
    if registry.account(edit.holder) is None:
        raise refuse(f"no member or account {edit.holder!r}", where, "meterkast ledger balance")
    if edit.holder in registry.erased:
        registry.must_know(edit.holder, where)
    if not edit.reason.strip():
        raise refuse("no reason is given", where, '--reason "what was agreed"')
    if any(bound is not None and abs(bound) >= AMOUNT_MAX for bound in (edit.floor, edit.ceiling)):
        raise refuse("more than an account can hold", where, "a smaller amount")
    if edit.floor is not None and edit.ceiling is not None and edit.floor > edit.ceiling:
        raise refuse("a floor above the ceiling", where, "a floor at or below it")
    limits = {**registry.limits, (edit.holder, edit.asset): Limit(edit.floor, edit.ceiling)}
    return replace(registry, limits=limits)
