"""Read a TOML file into settings, and name every mistake of it in one run.

pydantic finds the mistakes; this file tells them in three lines with the line they stand in.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from gateway.contract import record
from gateway.contract.errors import ConfigError, Problem


class Settings(BaseModel):
    """The base of every table in a configuration file: frozen, and no key is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _is_id(text: str) -> str:
    if not record.is_id(text):
        raise ValueError(f"{text!r} is no id: 1 to 40 of a-z, 0-9 and -")
    return text


Id = Annotated[str, AfterValidator(_is_id)]


class OneOf(NamedTuple):
    """Says of a field that its table is of one class of several: which one stands in the table.

    `kind` gives the class for a table as it was read; raises ValueError where there is none.
    """

    kind: Callable[[dict[str, Any]], type[BaseModel]]

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, given: Any) -> BaseModel:
        if not isinstance(given, dict):
            raise ValueError(f"{given!r} is no table")
        return self.kind(given).model_validate(given)


Model = TypeVar("Model", bound=BaseModel)

Path_ = tuple[str | int, ...]

# Where systemd keeps what is a service's own: the folder of a packaged gateway or hub.
SERVICES = Path("/var/lib")


class Mistake(NamedTuple):
    """A mistake that only the program can see: at which key, what is wrong, what to try."""

    path: Path_
    what: str
    try_: str


Check = Callable[[dict[str, Any]], Iterable[Mistake]]


def load(path: Path, model: type[Model], *, check: Check | None = None) -> Model:
    """The settings in `path`. Raises ConfigError with every mistake, each with its line.

    `check` looks at the tables as they were read, whatever else is wrong with them, and gives the
    mistakes that no type can tell.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        try_ = elsewhere(path) or "give another with --config FILE"
        raise ConfigError(Problem(what, str(path.absolute()), try_)) from error
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8"
        raise ConfigError(Problem(what, str(path), "save the file as UTF-8")) from error
    return parse(text, model, name=str(path), check=check)


def elsewhere(path: Path) -> str:
    """What to try where a service of this machine has such a file in its folder, else ""."""
    service = f"meterkast-{path.stem}"
    folder = SERVICES / service
    if not folder.is_dir() or path.absolute().parent == folder:
        return ""
    return f"the service's own: sudo {service} in place of meterkast; or --config FILE"


def parse(
    text: str,
    model: type[Model],
    *,
    name: str,
    check: Check | None = None,
    page: str = "docs/configuration.md",
) -> Model:
    """As `load`, from text that came from `name`. `page` is where each key is explained."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = str(error).replace("Cannot overwrite a value", "this key stands there twice")
        raise ConfigError(Problem(f"not TOML: {told}", name, "mend that line")) from error
    lines = _lines(text)
    mistakes = [
        Problem(mistake.what, _where(mistake.path, lines=lines, name=name), mistake.try_)
        for mistake in (check(tables) if check else ())
    ]
    try:
        settings = model.model_validate(tables)
    except ValidationError as error:
        details = [
            _problem(
                detail,
                _keys_at(model, detail["loc"][:-1], tables),
                where=_where(detail["loc"], lines=lines, name=name),
                page=page,
            )
            for detail in error.errors()
        ]
        raise ConfigError(*details, *mistakes) from error
    if mistakes:
        raise ConfigError(*mistakes)
    return settings


_TABLE = re.compile(r"\s*\[(\[)?\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""")


def _lines(text: str) -> dict[Path_, int]:
    """The line on which each table and key of a TOML file stands, by its path."""
    found: dict[Path_, int] = {}
    counts: dict[Path_, int] = {}
    table: Path_ = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = ()
            for part in match[2].split("."):
                table = (*table, part.strip("\"' "))
                if table in counts and not match[1]:
                    table = (*table, counts[table])
            if match[1]:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            key = tuple(part.strip("\"'") for part in match[1].split("."))
            for length in range(1, len(key) + 1):
                found.setdefault((*table, *key[:length]), number)
    return found


def _where(path: Path_, *, lines: dict[Path_, int], name: str) -> str:
    """The file, the line of the nearest table or key that stands there, and the key."""
    line, known = None, path
    while known and line is None:
        line = lines.get(known)
        known = known[:-1]
    shown = ".".join(str(part) for part in path)
    place = f"{name} line {line}" if line else name
    return f"{place}: {shown}" if shown else place


# What TOML calls what pydantic asks for.
_WANTED = {"dict_type": "a table", "model_type": "a table", "tuple_type": "a list"}


def _problem(detail: ErrorDetails, keys: set[str], *, where: str, page: str) -> Problem:
    path: Path_ = detail["loc"]
    allowed = sorted(keys)
    key = str(path[-1]) if path else ""
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, allowed, n=1)
        suggestion = f"did you mean {near[0]}?" if near else f"known here: {', '.join(allowed)}"
        return Problem(f"unknown key {key!r}", where, suggestion)
    if detail["type"] == "missing":
        return Problem(f"the key {key!r} is missing", where, f"add {key} = …")
    if wanted := _WANTED.get(detail["type"]):
        return Problem(f"{wanted} is wanted, not {detail['input']!r}", where, f"see {page}")
    said = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    given = detail["input"]
    shown = str(given) if isinstance(given, date) else repr(given)  # as TOML has it
    what = said if isinstance(given, dict) or shown in said else f"{said}, not {shown}"
    return Problem(what[:1].lower() + what[1:], where, f"see {page}")


def _keys_at(model: type[BaseModel], path: Path_, given: Any) -> set[str]:
    """The keys known at a path: walks the fields of nested tables, through lists and dicts, beside
    what was `given` there.
    """
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = field.annotation if field else None
        else:
            here = _member(here)
        given = _given_at(given, part)
        if get_origin(here) in {Union, UnionType}:  # a table that may be left out
            here = _member(here)
        if get_origin(here) is Annotated:
            here = _kind(here, given)
    is_table = isinstance(here, type) and issubclass(here, BaseModel)
    return set(here.model_fields) if is_table else set()


def _given_at(given: Any, part: str | int) -> Any:
    try:
        return given[part]
    except (KeyError, IndexError, TypeError):
        return None


def _kind(annotation: Any, given: Any) -> Any:
    """The class of a table, which the table may tell."""
    kind, *notes = get_args(annotation)
    for note in notes:
        if isinstance(note, OneOf) and isinstance(given, dict):
            return note.kind(given)
    return kind


def _member(annotation: Any) -> Any:
    """What stands under an index or a name: T of `dict[str, T]`, `tuple[T, ...]`, `T | None`."""
    members = [arg for arg in get_args(annotation) if arg not in {NoneType, Ellipsis, str}]
    return members[0] if members else None
