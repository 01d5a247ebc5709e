"""What the doctor says to do about a link that is lost."""

import ssl

import pytest

from gateway.contract import trouble
from gateway.doctor.links import what_to_do


def alert(name: str) -> ssl.SSLError:
    """What OpenSSL raises where the broker says this of our certificate."""
    error = ssl.SSLError()
    error.reason = name
    return error


@pytest.mark.parametrize(
    ("try_", "error"),
    [
        ("the co-op revoked this gateway: ask why; a new key and a code let it in again",
         alert("SSLV3_ALERT_CERTIFICATE_REVOKED")),
        ("ask the co-op for a code (meterkast hub invite), then meterkast enrol",
         alert("SSLV3_ALERT_CERTIFICATE_EXPIRED")),
        ("mqtt:// or mqtts://, and the files that its broker_tls names: docs/mqtt.md",
         alert("TLSV1_ALERT_UNKNOWN_CA")),
        ("its address and port; whether it runs", ConnectionRefusedError()),
    ],
)  # fmt: skip
def test_who_is_shut_out_is_told_the_way_back(try_, error):
    assert try_ == what_to_do(trouble.told(error, host="hub.example.nl"))
