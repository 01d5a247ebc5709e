"""Where pages may listen."""

import pytest

from gateway import addresses
from gateway.contract.settings import Mistake

HEALTH = 'health = "127.0.0.1:7082"'


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({"page": "0.0.0.0:80", "health": "[::1]:81"}, [], id="page for the house"),
        pytest.param(
            {"page": "127.0.0.1:0", "health": "127.0.0.1:0"}, [], id="the kernel's choice"
        ),
        pytest.param(
            {"health": "0.0.0.0:81"},
            [Mistake(("health",), "'0.0.0.0:81' can be reached from other machines", HEALTH)],
            id="health for everybody",
        ),
        pytest.param(
            {"health": "gateway:81"},
            [Mistake(("health",), "'gateway:81' is not an address and a port", HEALTH)],
            id="a name",
        ),
        pytest.param(
            {"page": "127.0.0.1:81", "health": "127.0.0.1:81"},
            [
                Mistake(
                    ("health",), "'127.0.0.1:81' is the address of 'page' as well", "another port"
                )
            ],
            id="both at one address",
        ),
    ],
)
def test_an_address_that_cannot_serve_is_told_with_an_example(tables, expected):
    assert expected == list(addresses.mistakes(tables))
