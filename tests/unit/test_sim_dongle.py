"""A simulated dongle: read by the gateway's own port, and by a peer."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from firmware_sim.dongle import Dongle
from gateway.contract.errors import LineLost
from gateway.lines import httpport

TELEGRAM = b"/MKT5\\HALL\r\n\r\n1-0:1.8.0(1*kWh)\r\n!0000\r\n"


@pytest.fixture
def dongle() -> Iterator[Dongle]:
    made = Dongle("127.0.0.1", 0)
    yield made
    made.close()


def test_the_newest_telegram_is_given_to_whoever_asks(dongle: Dongle) -> None:
    dongle.write(b"/an older one\r\n")
    dongle.write(TELEGRAM)
    assert httpport.ask(dongle.path) == TELEGRAM
    with urllib.request.urlopen(dongle.path, timeout=5) as answer:
        assert answer.read() == TELEGRAM
        assert answer.headers["Content-Type"] == "text/plain"


def test_a_dongle_without_a_meter_has_no_telegram(dongle: Dongle) -> None:
    with pytest.raises(httpport.Unanswered, match="HTTP 503"):
        httpport.ask(dongle.path)
    dongle.write(TELEGRAM)
    dongle.unplug()
    with pytest.raises(httpport.Unanswered, match="HTTP 503"):
        httpport.ask(dongle.path)


def test_a_dongle_has_one_page(dongle: Dongle) -> None:
    with pytest.raises(LineLost, match="HTTP 404"):
        httpport.ask(dongle.path + "s")
