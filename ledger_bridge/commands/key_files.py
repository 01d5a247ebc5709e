"""Files of sharing coefficients on the command line: they lie beside the policy that names them."""

from pathlib import Path

from gateway.contract.clock import domain_clock
from gateway.contract.errors import ConfigError, Problem
from ledger_bridge.books.facts import papers
from ledger_bridge.books.policy.coefficients import Coefficients, KeyFile, paper_name
from ledger_bridge.books.policy.key_files import Files, files_of, parsed, stored
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.commands.common import Reading
from ledger_bridge.desk import Paper, hand_in


def beside(policy: Policy, file: Path) -> list[KeyFile]:
    """The files that lie beside a policy's own. Raises ConfigError where one is another than the
    policy says, or is no file of coefficients.
    """
    found = []
    for sha256, named in files_of(policy).items():
        path = file.parent / named.file
        if not path.exists():
            continue  # it may have been handed in before
        try:
            given = KeyFile(named.file, path.read_bytes().decode())
            Coefficients(given.text)
        except (OSError, ValueError) as error:
            raise ConfigError(Problem(str(error), str(path), "see docs/sharing.md")) from error
        if given.sha256 != sha256:
            what = f"{named.file} is another file than the policy names"
            raise ConfigError(Problem(what, f"{file}: sha256", f'sha256 = "{given.sha256}"'))
        found.append(given)
    return found


def at_hand(policy: Policy, file: Path, books: Reading) -> Files:
    """The files of a policy, from beside it or from the books."""
    here = {given.sha256: parsed(given.text) for given in beside(policy, file)}
    return {**stored(books.db, books.community, policy, books.registry), **here}


def hand_in_files(policy: Policy, file: Path, books: Reading) -> None:
    """Sign the files beside a policy and hand them in; twice is once."""
    for given in beside(policy, file):
        paper = papers.Paper(
            books.community, paper_name(given.sha256), domain_clock().utc_ms(), (given,)
        )
        document = papers.make(paper, key=books.hub.key("steward")).decode()
        hand_in(books.hub, Paper("evidence", document))
