"""A policy as people read it: what each rule does, in English and Dutch."""

from typing import Any

from ledger_bridge.books import rules
from ledger_bridge.books.policy import zones
from ledger_bridge.books.policy.exchange import Exchange, in_words
from ledger_bridge.books.policy.policy import Policy

Json = dict[str, Any]

# What is said of a shadow asset wherever an amount of it stands.
TRIAL = {"en": "counts for nothing yet", "nl": "telt nog niet"}


def of_policy(policy: Policy) -> Json:
    """Its day, its zone, a sentence for each rule and each exchange, and what one should know."""
    return {
        "valid_from": policy.day,
        "time_zone": policy.time_zone,
        "rules": {rule.id: _sentence(policy, rule.id) for rule in policy.rules},
        "exchanges": {one.id: _offer(one) for one in policy.exchanges},
        "notes": [note for note in (*_notes(policy), zones.warning(policy.tzdata)) if note],
    }


def _sentence(policy: Policy, rule_id: str) -> Json:
    rule = next(one for one in policy.rules if one.id == rule_id)
    en, nl = rules.load(rule.rule).in_words(rule)
    if policy.assets[rule.asset].shadow:
        return {"en": f"{en}; {TRIAL['en']}", "nl": f"{nl}; {TRIAL['nl']}"}
    return {"en": en, "nl": nl}


def _offer(offer: Exchange) -> Json:
    en, nl = in_words(offer)
    return {"en": en, "nl": nl}


def _notes(policy: Policy) -> list[str]:
    """What is no mistake and still may not be meant."""
    earned = {rule.asset for rule in policy.rules} | {one.gets for one in policy.exchanges}
    touched = {
        key
        for rule in policy.rules
        for key in policy.fractions
        if rules.load(rule.rule).touches(rule, key)
    }
    return [f"nothing earns {code}" for code in policy.assets if code not in earned] + [
        f"no rule is about {name}: it is counted and earns nothing"
        for name in policy.fractions
        if name not in touched
    ]
