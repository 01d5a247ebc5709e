"""What the recycling point says to people, in Dutch and in English, by the word of the view."""

SENTENCES: dict[str, tuple[str, str]] = {
    # What comes next.
    "put": ("Zet het op de weegschaal.", "Put it on the scale."),
    "settling": ("Laat los, het wordt gewogen.", "Let go, it is being weighed."),
    "what": ("Wat is het?", "What is it?"),
    "how_many": ("Hoeveel stuks, van 1 tot 99?", "How many, from 1 to 99?"),
    "whose": (
        "Van wie is het? Houd je kaart voor de lezer.",
        "Whose is it? Hold your card to the reader.",
    ),
    "confirm": (
        "Klopt het? Bevestig met de knop of met je kaart.",
        "Is this right? Confirm with the button or your card.",
    ),
    "keeping": ("Een ogenblik, het wordt bewaard.", "One moment, it is being kept."),
    # What was kept, and taken back.
    "kept": ("Bewaard. Dank je wel.", "Kept. Thank you."),
    "take_off": ("Bewaard. Haal het van de weegschaal.", "Kept. Take it off the scale."),
    "last": (
        "De laatste inworp is bewaard. Niet opnieuw wegen.",
        "The last deposit was kept. Do not weigh it again.",
    ),
    "can_undo": (
        "Terugdraaien binnen 5 minuten; daarna de beheerder.",
        "Take it back within 5 minutes; after that, ask the steward.",
    ),
    "undone": ("Teruggedraaid: het telt niet.", "Taken back: it does not count."),
    "undo_late": (
        "De 5 minuten zijn voorbij. Vraag het de beheerder.",
        "The 5 minutes are over. Ask the steward.",
    ),
    # What does not go, while the rest goes on.
    "off_first": (
        "Haal eerst alles van de weegschaal.",
        "Take everything off the scale first.",
    ),
    "clear": ("Maak de weegschaal leeg.", "Clear the scale."),
    "tared": (
        "Er staat nog tarra op de weegschaal. Druk daar op nul of roep de beheerder.",
        "A tare is left on the scale. Press its zero key, or call the steward.",
    ),
    "not_offered": ("Dat nemen we hier niet aan.", "We do not take that here."),
    "crate_counted": (
        "Stuks worden geteld: kies geen krat.",
        "Pieces are counted: choose no crate.",
    ),
    "has_card": (
        "Er is al een kaart gelezen. Begin opnieuw om die te vergeten.",
        "A card was read already. Begin again to forget it.",
    ),
    # What was not kept, and what to do.
    "two_cards": (
        "Er zijn twee kaarten gelezen. Niets bewaard; begin opnieuw met één kaart.",
        "Two cards were read. Nothing was kept; begin again with one.",
    ),
    "same_bag": (
        "Dit gewicht is hier net al ingeleverd. Is het iets anders? Roep de beheerder.",
        "The same weight was brought here just now. Is it something else? Call the steward.",
    ),
    "creeps": (
        "Het gewicht verandert steeds. Maak leeg, zet alles er in één keer op en laat los.",
        "The weight keeps changing. Clear the scale, put it all down at once and let go.",
    ),
    "tare_changed": (
        "De tarra is onder het wegen veranderd. Maak leeg en begin opnieuw.",
        "The tare changed while weighing. Clear the scale and begin again.",
    ),
    "crate": (
        "De krat is zwaarder dan het geheel. Kies de krat die er staat.",
        "The crate weighs more than all of it. Choose the crate that is there.",
    ),
    "too_light": (
        "Dat is te licht om te wegen. Leg er meer bij.",
        "That is too light to weigh. Add more.",
    ),
    "too_much": (
        "Dat is meer dan in één keer mag. Haal er iets af.",
        "That is more than is allowed at once. Take some off.",
    ),
    "operator_needed": (
        "Dit mag alleen met de beheerder erbij. Roep de beheerder.",
        "This needs the steward at hand. Call the steward.",
    ),
    "no_weight": (
        "Er kwam geen rustig gewicht. Niets bewaard; maak leeg en begin opnieuw.",
        "No steady weight came. Nothing was kept; clear the scale and begin again.",
    ),
    "no_fraction": (
        "Er is niet gezegd wat het is. Niets bewaard; maak leeg en begin opnieuw.",
        "Nobody said what it is. Nothing was kept; clear the scale and begin again.",
    ),
    "nobody": (
        "Er is niet gezegd van wie het is. Niets bewaard; maak leeg en begin opnieuw.",
        "Nobody said whose it is. Nothing was kept; clear the scale and begin again.",
    ),
    "not_confirmed": (
        "Er is niet bevestigd. Niets bewaard; maak leeg en begin opnieuw.",
        "Nobody confirmed it. Nothing was kept; clear the scale and begin again.",
    ),
    # What the operator turns away: `events.REASONS`.
    "mixed": (
        "Niet aangenomen: er zit van alles door elkaar.",
        "Not accepted: different things are mixed.",
    ),
    "dirty": ("Niet aangenomen: het is te vuil.", "Not accepted: it is too dirty."),
    "wrong": (
        "Niet aangenomen: dit hoort hier niet bij.",
        "Not accepted: this does not belong here.",
    ),
    "unsafe": ("Niet aangenomen: dit is gevaarlijk.", "Not accepted: this is dangerous."),
    "full": (
        "Niet aangenomen: de container is vol.",
        "Not accepted: the container is full.",
    ),
    # What is wrong with the scale, or with the point.
    "over": (
        "Te zwaar voor deze weegschaal. Niets bewaard; verdeel het.",
        "Too heavy for this scale. Nothing was kept; bring it in parts.",
    ),
    "under": (
        "De weegschaal geeft minder dan niets aan. Roep de beheerder.",
        "The scale shows less than nothing. Call the steward.",
    ),
    "unit": (
        "De weegschaal staat op een andere eenheid. Roep de beheerder.",
        "The scale was switched to another unit. Call the steward.",
    ),
    "unzeroed": (
        "De weegschaal staat niet op nul. Maak leeg en roep de beheerder.",
        "The scale was not zeroed. Clear it and call the steward.",
    ),
    "tare": (
        "De weegschaal trekt iets af en zegt niet hoeveel. Zet de tarra uit.",
        "The scale takes off a tare and does not say how much. Clear its tare.",
    ),
    "tilt": (
        "De weegschaal staat scheef. Roep de beheerder.",
        "The scale is not level. Call the steward.",
    ),
    "hold": (
        "De weegschaal houdt een oud gewicht vast. Roep de beheerder.",
        "The scale is holding an old weight. Call the steward.",
    ),
    "low-battery": (
        "De batterij van de weegschaal is leeg. Roep de beheerder.",
        "The scale's battery is low. Call the steward.",
    ),
    "unreadable": (
        "De weegschaal geeft geen gewicht. Roep de beheerder.",
        "The scale gives no weight. Call the steward.",
    ),
    "scale_gone": (
        "De weegschaal is losgeraakt. Roep de beheerder.",
        "The scale was disconnected. Call the steward.",
    ),
    "scale_silent": (
        "De weegschaal zegt niets. Roep de beheerder.",
        "The scale says nothing. Call the steward.",
    ),
    "not_kept": (
        "Niet bewaard: dit punt kan nu niets bewaren. Neem het weer mee.",
        "Not kept: this point cannot keep anything now. Take it back.",
    ),
    "not_undone": (
        "Niet teruggedraaid: dit punt kan nu niets bewaren. Het telt nog.",
        "Not taken back: this point cannot keep anything now. It still counts.",
    ),
    "broken": (
        "Gesloten: dit punt kan nu niets bewaren. Roep de beheerder.",
        "Closed: this point cannot keep anything now. Call the steward.",
    ),
    "no_rules": (
        "Gesloten: de spelregels zijn hier nog niet aangekomen.",
        "Closed: the rules have not arrived here yet.",
    ),
}

# What a scale may say that nobody foresaw.
UNREADABLE = "unreadable"
