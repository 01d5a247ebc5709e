"""Why something was not credited, by the reason in the series, as sentences in both languages.

Of meters and deposits they are what members read. Of the kiosk, which tells whoever stands there
what to do, they are what a steward wants to know afterwards.
"""

from collections.abc import Mapping

from ledger_bridge.books.telling.sentences import COUNTER
from ledger_bridge.books.telling.sentences import DEPOSIT as DEPOSITS
from ledger_bridge.grafana.words import Said


def _turned(sentences: Mapping[str, tuple[str, str]]) -> dict[str, Said]:
    return {reason: Said(nl=dutch, en=english) for reason, (english, dutch) in sentences.items()}


METER = _turned(COUNTER)
DEPOSIT = _turned(DEPOSITS)

# Spec: gateway/kiosk/events.py, REASONS; the words with which gateway/kiosk/session.py turns away
KIOSK = {
    "mixed": Said("Er zat van alles door elkaar.", "Different things were mixed."),
    "dirty": Said("Het was te vuil.", "It was too dirty."),
    "wrong": Said("Het hoorde hier niet bij.", "It did not belong here."),
    "unsafe": Said("Het was gevaarlijk.", "It was dangerous."),
    "full": Said("De container was vol.", "The container was full."),
    "not_offered": Said("Dat nemen we hier niet aan.", "We do not take that here."),
    "operator_needed": Said(
        "Dit mag alleen met iemand van het punt erbij, en die was er niet.",
        "This needs an operator at hand, and none was there.",
    ),
    "two_cards": Said("Er werden twee kaarten gelezen.", "Two cards were read."),
    "same_bag": Said(
        "Hetzelfde gewicht was net al ingeleverd.", "The same weight was brought just before."
    ),
    "crate": Said("De krat woog meer dan het geheel.", "The crate weighed more than all of it."),
    "too_light": Said("Te licht om te wegen.", "Too light to weigh."),
    "too_much": Said("Meer dan in één keer mag.", "More than is allowed at once."),
    "creeps": Said("Het gewicht bleef veranderen.", "The weight kept changing."),
    "tare_changed": Said(
        "De tarra veranderde onder het wegen.", "The tare changed while weighing."
    ),
    "no_weight": Said("Er kwam geen rustig gewicht.", "No steady weight came."),
    "no_fraction": Said("Er is niet gezegd wat het was.", "Nobody said what it was."),
    "nobody": Said("Er is niet gezegd van wie het was.", "Nobody said whose it was."),
    "not_confirmed": Said("Er is niet bevestigd.", "Nobody confirmed it."),
    "over": Said("Te zwaar voor de weegschaal.", "Too heavy for the scale."),
    "under": Said("De weegschaal gaf minder dan niets aan.", "The scale showed less than nothing."),
    "unit": Said("De weegschaal stond op een andere eenheid.", "The scale was in another unit."),
    "unzeroed": Said("De weegschaal stond niet op nul.", "The scale was not zeroed."),
    "tare": Said("De weegschaal trok een tarra af.", "The scale took off a tare."),
    "tared": Said("Er stond nog tarra op de weegschaal.", "A tare was left on the scale."),
    "tilt": Said("De weegschaal stond scheef.", "The scale was not level."),
    "hold": Said("De weegschaal hield een oud gewicht vast.", "The scale held an old weight."),
    "low-battery": Said("De batterij van de weegschaal was leeg.", "The scale's battery was low."),
    "unreadable": Said("De weegschaal gaf geen gewicht.", "The scale gave no weight."),
    "scale_gone": Said("De weegschaal was losgeraakt.", "The scale was disconnected."),
    "scale_silent": Said("De weegschaal zei niets.", "The scale said nothing."),
    "not_kept": Said("Het punt kon het niet bewaren.", "The point could not keep it."),
    "broken": Said("Het punt kon niets bewaren.", "The point could not keep anything."),
    "no_rules": Said(
        "De spelregels waren er nog niet aangekomen.", "The rules had not arrived there yet."
    ),
}

# By what it is that was refused.
SENTENCES: Mapping[str, Mapping[str, Said]] = {"meter": METER, "deposit": DEPOSIT, "kiosk": KIOSK}
