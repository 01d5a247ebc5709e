"""Codes are read in every form meters write them, and written in one."""

import pytest

from drivers.wire import obis


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1-0:1.8.1", "1-0:1.8.1"),
        ("1-0:1.8.1*255", "1-0:1.8.1"),
        ("1-0:1.8.1.255", "1-0:1.8.1"),
        ("1-0:1.8.1*03", "1-0:1.8.1*3"),
        ("0-2:24.2.1", "0-2:24.2.1"),
        ("0-0:96.1.255*255", "0-0:96.1.255"),
    ],
)
def test_a_code_has_one_name(text: str, name: str) -> None:
    assert str(obis.parse(text)) == name


def test_a_code_has_six_groups() -> None:
    assert obis.parse("1-0:32.7.0") == (1, 0, 32, 7, 0, 255)


@pytest.mark.parametrize(
    "text", ["", "1.8.1", "1-0:1.8", "1-0:1.8.1*256", "1-0:1.8.1 ", "1-0:1.8.1*", "1-0:1.8.²"]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    assert obis.parse(text) is None
