"""Every verdict there is has a sentence in both languages; none is left without, or left over."""

import pytest

from ledger_bridge.books.facts import attested, believe, deposits, evidence, grades, official, waste
from ledger_bridge.books.policy import conditions
from ledger_bridge.books.telling import sentences

# Each module that judges, with the tables of what is said of its verdicts.
TOLD = {
    attested: (sentences.ATTESTED,),
    believe: (sentences.COUNTER,),
    conditions: (sentences.CONDITION,),
    deposits: (sentences.DEPOSIT, sentences.CORRECTION),
}
# Words in those modules that are no verdicts.
OTHER_WORDS = {evidence.ELECTRICITY, waste.KG, waste.OPERATOR, *grades.GRADES}
DOUBTS = {evidence.METER_CLOCK, official.SUBSTITUTED_DOUBT}


def verdicts(module) -> set[str]:
    """The words that a module calls its verdicts by: its text constants in capitals."""
    return {
        value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)
    } - OTHER_WORDS


@pytest.mark.parametrize("module", TOLD, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_verdict_has_its_sentence(module):
    said = {word for table in TOLD[module] for word in table}
    assert verdicts(module) == said


def test_the_verdicts_are_counted():
    assert 41 == sum(len(verdicts(module)) for module in TOLD)


def test_every_doubt_has_its_sentence():
    assert set(sentences.DOUBT) == DOUBTS


PAIRS = [
    pytest.param(pair, id=f"{name} {word}")
    for name, table in vars(sentences).items()
    if name.isupper() and isinstance(table, dict) and not name.startswith("_")
    for word, pair in table.items()
]


def test_the_sentences_are_counted():
    assert 50 == len(PAIRS)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_sentence_is_one_in_english_and_in_dutch(pair):
    english, dutch = pair
    assert english != dutch
    for sentence in pair:
        assert sentence.endswith(".")
        assert sentence[0].isupper()
        assert len(sentence) <= 100
