"""What goes wrong outside the bytes, told to people in three lines: what, where, try."""

from typing import NamedTuple


class Problem(NamedTuple):
    """One mistake: what is wrong, where it stands, and what to try."""

    what: str
    where: str
    try_: str

    def __str__(self) -> str:
        return f"error: {self.what}\nwhere: {self.where}\ntry:   {self.try_}"


class PeopleError(Exception):
    """An error that is shown to a person as it is; `exit_code` is what the command ends with."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        assert problems
        super().__init__("\n\n".join(str(problem) for problem in problems))
        self.problems = problems


class UsageError(PeopleError):
    """The command was used in a way that cannot work."""

    exit_code = 2


class ConfigError(PeopleError):
    """Every mistake of a configuration or policy file, found in one run."""

    exit_code = 3


class Unreachable(PeopleError):
    """A device, a broker or a bridge that does not answer."""

    exit_code = 4


class LineLost(Exception):
    """The line of a device is gone; caught at the edge of the task that reads it.

    Says what happened, and what to try where there is something.
    """

    def __init__(self, what: str, try_: str = "") -> None:
        super().__init__(what)
        self.try_ = try_
