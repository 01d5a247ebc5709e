"""What was measured is told to members in words of their language."""

import pytest

from ledger_bridge.books.telling.what import called, much


@pytest.mark.parametrize(
    ("key", "dutch", "english"),
    [
        ("1-0:2.8.0", "teruggeleverd", "given back"),
        ("1-0:1.8.2", "afgenomen (tarief 2)", "used (tariff 2)"),
        ("given", "aan anderen gegeven", "given to others"),
        ("taken", "van anderen gebruikt", "used of what others gave"),
        ("8-0:1.0.0", "8-0:1.0.0", "8-0:1.0.0"),
        ("care", "care", "care"),
    ],
    ids=["total", "tariff", "given", "taken", "another register", "an activity"],
)
def test_what_is_measured_has_a_name(key, dutch, english):
    assert (dutch, english) == (called(key, "nl"), called(key, "en"))


@pytest.mark.parametrize(
    ("measured", "dutch", "english"),
    [
        ("3.1 kg", "3,1 kg", "3.1 kg"),
        ("8 piece", "8 stuks", "8 pieces"),
        ("1 piece", "1 stuk", "1 piece"),
        ("1.5 h", "1,5 uur", "1.5 hours"),
        ("1 h", "1 uur", "1 hour"),
        ("2 x", "2 keer", "2 times"),
        ("1 d", "1 dag", "1 day"),
    ],
)
def test_a_quantity_has_its_unit_written_out(measured, dutch, english):
    assert (dutch, english) == (much(measured, "nl"), much(measured, "en"))
