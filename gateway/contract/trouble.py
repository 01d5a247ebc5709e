"""Why there is no connection to a broker, in words that people can act on.

Spec: MQTT 3.1.1 section 3.2.2.3 (return codes); RFC 8446 section 6 (alerts), by OpenSSL's names.
"""

import socket
import ssl
from datetime import UTC, datetime

from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

# Numbers of X509_verify_cert_error_string(3).
_CERTIFICATE = {
    9: "the broker's certificate is not valid yet; the clock here says {now:%Y-%m-%d %H:%M} UTC",
    10: "the broker's certificate is over; the clock here says {now:%Y-%m-%d %H:%M} UTC",
    18: "the broker's certificate is not signed by our CA",
    19: "the broker's certificate is not signed by our CA",
    20: "the broker's certificate is not signed by our CA",
    21: "the broker's certificate is not signed by our CA",
    62: "the broker's certificate is for another name than {host}",
    64: "the broker's certificate is for another address than {host}",
}

# Parts of OpenSSL's names; what the broker says of us comes as an alert.
_TLS = {
    "CERTIFICATE_REQUIRED": "the broker asks for a certificate, and we have none to show",
    "UNKNOWN_CA": "the broker does not know the CA that signed our certificate",
    "CERTIFICATE_EXPIRED": "the broker says that our certificate is over",
    "CERTIFICATE_REVOKED": "the broker says that our certificate was withdrawn",
    "CERTIFICATE_UNKNOWN": "the broker does not take our certificate",
    "BAD_CERTIFICATE": "the broker does not take our certificate",
    "PROTOCOL_VERSION": "the broker does not speak TLS 1.3",
    "UNSUPPORTED_PROTOCOL": "the broker does not speak TLS 1.3",
    "HANDSHAKE_FAILURE": "the broker does not speak TLS 1.3 as we do",
    "WRONG_VERSION_NUMBER": "what listens there does not speak TLS; perhaps mqtt:// instead of mqtts://",
    "RECORD_LAYER_FAILURE": "what listens there does not speak TLS; perhaps mqtt:// instead of mqtts://",
    "UNEXPECTED_EOF": "it closed the connection during the TLS handshake",
}

# What somebody has to mend: it is told also where something else took the link away.
LASTING = frozenset(_TLS.values())

# CONNACK; paho tells those of 3.1.1 by the numbers of version 5.
_REFUSED = {
    133: "it does not take our client id",
    136: "it says that it is not ready",
    134: "user or password is wrong",
    135: "it does not let us in; ask who keeps it which users and certificates it knows",
}

CLOSED = "it closed the connection"
# Before it said yes or no; by whether we speak TLS.
CLOSED_EARLY = {
    False: "it closed the connection without a word; perhaps it wants TLS, mqtts://",
    True: "it closed the connection without a word; perhaps it speaks no TLS, mqtt://",
}


def told(error: Exception, *, host: str) -> str:
    """Why `error` kept us from the broker at `host`, or took us away from it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        now = datetime.now(UTC)
        sentence = _CERTIFICATE.get(error.verify_code)
        return sentence.format(host=host, now=now) if sentence else error.verify_message
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        return next((said for part, said in _TLS.items() if part in reason), f"TLS: {reason}")
    if isinstance(error, MqttConnectError):
        code = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
        return _REFUSED.get(code or 0, f"it refuses us with code {code}")
    if isinstance(error, OSError):
        return _network(error, host)
    return str(error)


def _network(error: OSError, host: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"no address is known for the name {host}"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionError):
        return CLOSED
    if error.filename:
        return f"{error.filename}: {(error.strerror or str(error)).lower()}"
    return (error.strerror or str(error)).lower()
