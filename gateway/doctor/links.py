"""Links: does the broker let us in, may we speak there, and is the hub at the other end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from gateway.contract import topics
from gateway.contract.link import Broker, Link, LinkDown, Will
from gateway.contract.tls import Tls, ends_ms
from gateway.days import local_day
from gateway.doctor.machine import alarm
from gateway.doctor.patient import Finding, Patient
from gateway.health.health import CERTIFICATE_MS
from gateway.home.link import ROOT

OFFLINE = b"offline"


async def examine(patient: Patient) -> AsyncIterator[Finding]:
    """The certificates, and the brokers where no gateway runs."""
    config = patient.config
    for key, tls in (
        ("broker_tls", config.broker_tls),
        ("home_broker_tls", config.home_broker_tls),
    ):
        if tls:
            for finding in _certificate(patient, key, tls):
                yield finding
    if patient.running is not None:
        # A second connection with our certificate would push out the gateway's, which tells itself
        # how its links fare.
        return
    if config.home_broker:
        broker = Broker.parse(config.home_broker, where="home_broker", files=config.home_broker_tls)
        state = f"{ROOT}/{config.gateway}/state"
        async for finding in _broker(patient, broker, f"mk-home-{config.gateway}", state):
            yield finding
    if config.community and config.broker:
        broker = Broker.parse(config.broker, where="broker", files=config.broker_tls)
        name = f"mk-{config.community}-{config.gateway}"
        state = topics.topic(config.community, config.gateway, "state")
        async for finding in _broker(patient, broker, name, state):
            yield finding


def _certificate(patient: Patient, key: str, tls: Tls) -> Iterator[Finding]:
    if tls.certificate is None:
        return
    end_ms, where = ends_ms(tls.certificate), f"{key}: {tls.certificate}"
    if end_ms is None:
        yield Finding("no certificate can be read", where, "enrol once more: meterkast enrol")
    elif end_ms - patient.clock.utc_ms() < CERTIFICATE_MS:
        yield alarm("certificate-ends", where, tls.certificate.name, f"{local_day(end_ms)}")
    else:
        yield Finding(f"the certificate is good until {local_day(end_ms)}", where)


async def _broker(
    patient: Patient, broker: Broker, name: str, state: str
) -> AsyncIterator[Finding]:
    """As the gateway, and what it says is what the broker retains of one that does not run."""
    where = f"broker {broker}"
    heard: dict[str, bytes] = {}
    hub = topics.hub(patient.config.community) if patient.config.community else ""
    is_home = not state.startswith(topics.ROOT)

    async def on_up() -> None:
        await link.publish(state, OFFLINE, retain=True)

    link = Link(
        broker,
        client_id=name,
        subscriptions=[] if is_home else [hub],
        on_message=heard.__setitem__,
        on_up=on_up,
        will=Will(state, OFFLINE),
        echo=state,
    )
    running = asyncio.ensure_future(link.run())
    try:
        with contextlib.suppress(TimeoutError, LinkDown):
            async with asyncio.timeout(patient.answer_s):
                while not (link.up.is_set() or link.is_tried):
                    await asyncio.sleep(0.02)
                while link.up.is_set() and not link.denied:
                    if link.is_echoed and (is_home or hub in heard):
                        break
                    await asyncio.sleep(0.02)
        trouble, is_denied = link.trouble, link.denied
    finally:
        running.cancel()
        await asyncio.wait([running])
    if trouble:
        yield Finding(f"no connection: {trouble}", where, what_to_do(trouble))
    elif is_denied:
        yield alarm("publish-denied", where, str(broker))
    else:
        yield Finding("the broker lets us in, and lets us speak", where)
    if not trouble and not is_home:
        yield _hub(heard.get(hub, b""), where)


def what_to_do(trouble: str) -> str:
    """What to try against this reason that there is no connection."""
    if "our certificate was withdrawn" in trouble:
        return "the co-op revoked this gateway: ask why; a new key and a code let it in again"
    if "our certificate is over" in trouble:
        return "ask the co-op for a code (meterkast hub invite), then meterkast enrol"
    if "let us in" in trouble or "password" in trouble:
        return "mqtt://USER:PASSWORD@HOST with a user that whoever keeps the broker has made"
    if "TLS" in trouble or "certificate" in trouble:
        return "mqtt:// or mqtts://, and the files that its broker_tls names: docs/mqtt.md"
    return "its address and port; whether it runs"


def _hub(said: bytes, where: str) -> Finding:
    if said == b"online":
        return Finding("the hub is there", where)
    try_ = "nothing is lost meanwhile; ask the co-op whether the bridge runs"
    what = "the hub is away" if said == b"offline" else "no hub was ever here"
    return Finding(what, where, try_)
