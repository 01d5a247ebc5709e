"""Policy files on the command line: as people write them, and as papers that go round."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from gateway.contract import policy as papers
from gateway.contract import signed
from gateway.contract.clock import domain_clock
from gateway.contract.errors import ConfigError, PeopleError, Problem, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.signed import Malformed
from ledger_bridge.books.closing.closed import closed_until
from ledger_bridge.books.policy import key_files
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.start import problems
from ledger_bridge.commands.common import Reading
from ledger_bridge.commands.key_files import at_hand


def text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(f"cannot be read: {error}", str(file), "another file")) from error


def is_signed(text: str) -> bool:
    """Whether this is a paper with signatures rather than the TOML that people write."""
    return text.startswith("{")


def read_policy(file: Path) -> Policy:
    """The policy in a file, as it was written or signed. Raises ConfigError with every mistake."""
    text = text_of(file)
    if is_signed(text):
        try:
            document = signed.parse_all(text.strip().encode())[0]
            text = signed.read_as(document, papers.Document, typ=papers.POLICY).toml
        except Malformed as error:
            raise ConfigError(Problem(str(error), str(file), "a policy.toml")) from error
    return policies.parse(text, name=str(file))


def must_be_of(policy: Policy, books: Reading, where: str) -> None:
    """Raises ConfigError where a policy is another community's."""
    if policy.community != books.community:
        what = f"a policy of {policy.community!r}, and this hub is of {books.community!r}"
        try_ = f'community = "{books.community}"'
        raise ConfigError(Problem(what, f"{where}: community", try_))


def must_follow(policy: Policy, books: Reading, file: Path) -> None:
    """Raises ConfigError with all that keeps the hub from putting this policy in force."""
    where = str(file)
    must_be_of(policy, books, where)
    # What is in force already may be checked again.
    if any(one.policy == policy for one in books.policies.in_order):
        return
    files = at_hand(policy, file, books)
    if found := [
        *problems(
            policy,
            books.policies,
            closed_until=closed_until(books.db, books.community),
            now_ms=domain_clock().utc_ms(),
            where=where,
        ),
        *key_files.problems(policy, books.registry, files, where=where),
    ]:
        raise ConfigError(*found)


def write(path: Path, data: bytes) -> None:
    """Put a paper in its place, whole or not at all. Raises UsageError."""
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_bytes(data + b"\n")
        beside.replace(path)
    except OSError as error:
        what = f"it cannot be written: {error.strerror}"
        raise UsageError(Problem(what, str(path), "a folder where you may write")) from error


def send_round(path: Path, data: bytes, *, key: SigningKey) -> bytes:
    """Put a paper where the others find it, with what they signed of it already; gives it as it
    lies there. Raises UsageError.
    """
    with contextlib.suppress(OSError, Malformed):
        there = path.read_bytes().strip()
        if signed.parse_all(there)[0].payload == signed.parse_all(data)[0].payload:
            data = signed.add(there, key=key)
    write(path, data)
    return data


def going_round(file: Path, read: Callable[[bytes], object], *, made_by: str) -> bytes:
    """A paper that stewards sign one after another, if `read` knows it. Raises UsageError."""
    try:
        data = file.read_text("utf-8").strip().encode()  # a mail program may end lines otherwise
        read(data)
    except (OSError, ValueError) as error:  # Malformed is one
        raise UsageError(Problem(str(error), str(file), made_by)) from error
    return data


def must_be_enough(data: bytes, books: Reading, file: Path) -> None:
    """Raises PeopleError, with the way on, where more stewards must sign a paper."""
    registry = books.registry
    try:
        signed.demand_of(
            signed.parse_all(data), registry.stewards, asked=registry.asked, whose=papers.STEWARD
        )
    except signed.Changed as error:
        raise PeopleError(Problem(str(error), str(file), "the file as it was signed")) from error
    except Malformed as error:
        to = file.with_suffix(".signed")
        first = "" if file == to else f"meterkast policy sign {file}, then "
        try_ = f"{first}each other steward: meterkast policy sign {to} --key steward.key"
        raise PeopleError(Problem(str(error), str(file), try_)) from error
