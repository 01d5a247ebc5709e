"""Which database a demonstration finds, and what it tells nobody on the way."""

from collections.abc import Iterator

import pytest

from firmware_sim.influx import Influx
from gateway.contract.errors import Unreachable, UsageError
from tests.answers import Answer, Answers


@pytest.fixture
def answers() -> Iterator[Answers]:
    server = Answers()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLUX_TOKEN", "secret")


@pytest.mark.parametrize(
    ("engine", "version"), [("influxdb1", "1.8.10"), ("influxdb2", "v2.7.1"), ("influxdb3", "3.0")]
)
def test_the_engine_is_what_the_database_says(
    answers: Answers, engine: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a proxy is set for others."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answers.to_come.append(Answer(204, b"", (("X-Influxdb-Version", version),)))
    assert (engine, "secret") == Influx.find(answers.url)[1:]


def test_the_token_does_not_go_where_the_database_sends_it(answers: Answers) -> None:
    elsewhere = Answers()
    answers.to_come.append(Answer(302, b"", (("Location", f"{elsewhere.url}/ping"),)))
    with pytest.raises(Unreachable) as caught:
        Influx.find(answers.url)
    elsewhere.close()
    assert "the database answers 302" == caught.value.problems[0].what
    assert [] == elsewhere.asked


def test_a_password_in_an_address_is_not_told_on() -> None:
    with pytest.raises(UsageError) as caught:
        Influx.find("http://me:secret@db.example:8086")
    assert (
        "http://db.example:8086, and what opens it in INFLUX_TOKEN" == caught.value.problems[0].try_
    )
    assert "secret" not in str(caught.value)
