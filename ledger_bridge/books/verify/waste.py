"""The part of `verify` that is about deposits, corrections and containers."""

from ledger_bridge.books.facts.containers import NOT_THERE, Balance, PutDown, balance, waits
from ledger_bridge.books.facts.deposits import CORRECTIONS_WAITING, WAITING, DepositRow, judge
from ledger_bridge.books.facts.derive_waste import TABLES
from ledger_bridge.books.facts.waste import KG, ContainerEvent, Correction, Deposit
from ledger_bridge.books.verify.look import Look


def waste(look: Look) -> None:
    """What recycling points said is stored, and judged as it must be."""
    judged = judge(
        (fact for fact in look.waste if isinstance(fact, Deposit)),
        (fact for fact in look.waste if isinstance(fact, Correction)),
        registry=look.registry,
        policies=look.policies,
    )
    look.compare("deposit", [row.columns(look.community) for row in judged.deposits])
    look.compare("correction", [row.columns(look.community) for row in judged.corrections])
    for kind, table in TABLES.items():
        if kind not in {Deposit, Correction}:
            told = [fact for fact in look.waste if isinstance(fact, kind)]
            look.compare(table, [(look.community, *fact) for fact in told])
    look.held += (
        sum(row.verdict in WAITING for row in judged.deposits)
        + sum(row.verdict in CORRECTIONS_WAITING for row in judged.corrections)
        + sum(waits(one, look.registry) for one in _balance(look, judged.deposits).every)
    )


def _balance(look: Look, rows: list[DepositRow]) -> Balance:
    """Delivered against hauled: nothing is stored of it, it is reckoned where it is shown."""
    return balance(
        (fact for fact in look.waste if isinstance(fact, ContainerEvent)),
        (
            PutDown(fact.gateway, counts_as, fact.chain, fact.seq, fact.at_ms, fact.amount)
            for fact, _, _, counts_as, _, _, verdict in rows
            if fact.unit == KG and verdict not in NOT_THERE
        ),
    )
