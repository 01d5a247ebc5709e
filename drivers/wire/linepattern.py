"""Patterns of lines that people write, in a part of regular expressions that can cost no time.

What is kept of Python's `re`: characters, `.`, `[…]`, `\\d`, `\\s`, `\\S`, groups `(?P<name>…)` and
`(?:…)`, `|`, and the quantifiers `? * + {n} {n,m}`. Nothing that was matched is given back: of
several alternatives the first that fits is taken, a quantifier takes all it can, and there is no
second try. Only what has a fixed length may be repeated. So each part of a pattern is tried at
most once at each byte of a line, and a line costs at most its length times the pattern's.
"""

import re
from typing import NamedTuple, NoReturn

LINE_MAX = 128  # bytes with the line's end; indicators send 8 to 60
PATTERN_MAX = 400  # characters
REPEAT_MAX = LINE_MAX

_ALL = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_BLANKS = frozenset(b" \t")
# A line that was cut within its number must not be taken for a whole one with another number.
_OF_NUMBERS = _DIGITS | _BLANKS | frozenset(b".,+-")
_SPECIAL = "|)?*+{"
_COUNT = re.compile(r"\{(\d{1,3})(?:(,)(\d{1,3}))?\}")
_NAME = re.compile(r"\(\?P<([a-z][a-z0-9]{0,19})>")
_HEX = re.compile(r"x([0-9a-fA-F]{2})")
_ALLOWED = r"characters, . [a-z] \d \s \S \x02 (?P<name>…) (?:…) | ? * + {n} {n,m}"


class PatternError(ValueError):
    """A pattern that cannot be used: what is wrong with it, and what is allowed."""

    def __init__(self, what: str, allowed: str) -> None:
        super().__init__(f"{what}; {allowed}")
        self.what = what
        self.allowed = allowed


class _Part(NamedTuple):
    """A piece of pattern: its safe form, how many bytes it matches, and which may come first."""

    text: str
    shortest: int
    longest: int
    first: frozenset[int]


class Pattern(NamedTuple):
    """A pattern in its safe form. `text` is for `re`, on bytes, between two ends of lines."""

    text: str
    groups: tuple[str, ...]
    shortest: int


class _Parser:
    """Reads one pattern. `ends` are the bytes that end a line, which nothing here matches."""

    def __init__(self, pattern: str, ends: bytes) -> None:
        self._pattern = pattern
        self._at = 0
        self._ends = frozenset(ends)
        self.groups: list[str] = []

    def whole(self) -> _Part:
        part = self._alternatives()
        if self._at < len(self._pattern):
            self._refuse("a ) without its (")
        return part

    def _refuse(self, what: str, allowed: str = _ALLOWED) -> NoReturn:
        raise PatternError(f"{what} at character {self._at + 1} of {self._pattern!r}", allowed)

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _alternatives(self) -> _Part:
        parts = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            parts.append(self._sequence())
        return _Part(
            f"(?>{'|'.join(part.text for part in parts)})",
            min(part.shortest for part in parts),
            max(part.longest for part in parts),
            frozenset().union(*(part.first for part in parts)),
        )

    def _sequence(self) -> _Part:
        text, shortest, longest = "", 0, 0
        first: frozenset[int] = frozenset()
        while self._next() not in {"", "|", ")"}:
            part = self._repeated(self._atom())
            text += part.text
            if not shortest:
                first |= part.first
            shortest += part.shortest
            longest += part.longest
        return _Part(text, shortest, longest, first)

    def _atom(self) -> _Part:
        if self._next() == "(":
            return self._group()
        if self._next() == "[":
            return self._one(self._set())
        if self._next() == ".":
            self._at += 1
            return self._one(_ALL - self._ends)
        if self._next() in _SPECIAL or self._next() in "^$":
            self._refuse(f"{self._next()!r} has nothing to do")
        return self._one(self._character())

    def _one(self, characters: frozenset[int]) -> _Part:
        if characters & self._ends:
            self._refuse("the end of a line", "what stands before the line's end")
        if not characters:
            self._refuse("a [] that nothing fits")
        return _Part(_class(characters), 1, 1, characters)

    def _group(self) -> _Part:
        named = _NAME.match(self._pattern, self._at)
        if named:
            if named[1] in self.groups:
                self._refuse(f"a second group {named[1]!r}", "another name")
            self.groups.append(named[1])
            self._at = named.end()
        elif self._pattern.startswith("(?:", self._at):
            self._at += 3
        else:
            self._refuse("this kind of group", "(?P<name>…), or (?:…) without a name")
        part = self._alternatives()
        if self._next() != ")":
            self._refuse("a ( without its )")
        self._at += 1
        return part._replace(text=f"(?P<{named[1]}>{part.text})") if named else part

    def _repeated(self, part: _Part) -> _Part:
        least, most, written = self._quantifier()
        if not written:
            return part
        if self._next() in {"?", "*", "+", "{"}:
            self._refuse("two quantifiers in a row", "one of ? * + {n} {n,m}")
        if most > 1 and (part.shortest != part.longest or not part.shortest):
            what = "something of changing length is repeated"
            self._refuse(what, "a repeated group of a fixed length: no quantifier within another")
        return _Part(
            f"(?>{part.text}{written})", least * part.shortest, most * part.longest, part.first
        )

    def _quantifier(self) -> tuple[int, int, str]:
        """How often at least and at most, and how it is written; "" where there is none."""
        simple = {"?": (0, 1), "*": (0, REPEAT_MAX), "+": (1, REPEAT_MAX)}.get(self._next())
        if simple:
            written = self._next()
            self._at += 1
            return (*simple, written)
        if self._next() != "{":
            return 1, 1, ""
        count = _COUNT.match(self._pattern, self._at)
        if count is None:
            self._refuse("a { that is no count", r"{n}, {n,m}, or \{")
        least = int(count[1])
        most = int(count[3]) if count[2] else least
        if not least <= most <= REPEAT_MAX or not most:
            self._refuse(f"the count {count[0]}", f"1 to {REPEAT_MAX}, the smaller number first")
        self._at = count.end()
        return least, most, count[0]

    def _set(self) -> frozenset[int]:
        self._at += 1
        is_not = self._next() == "^"
        self._at += is_not
        found: set[int] = set()
        while self._next() != "]":
            if not self._next():
                self._refuse("a [ without its ]")
            low = self._character()
            if self._next() == "-" and self._pattern[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                high = self._character()
                if len(low) > 1 or len(high) > 1 or min(low) > min(high):
                    self._refuse("this range", "two characters, the lower one first")
                found.update(range(min(low), min(high) + 1))
            else:
                found |= low
        self._at += 1
        return _ALL - self._ends - found if is_not else frozenset(found)

    def _character(self) -> frozenset[int]:
        """What one character stands for, or an escape."""
        character = self._next()
        if character != "\\":
            if ord(character) > 255:
                self._refuse(f"the character {character!r}", "characters that are one byte")
            self._at += 1
            return frozenset((ord(character),))
        self._at += 1
        escaped = self._next()
        if written := _HEX.match(self._pattern, self._at):
            self._at = written.end()
            return frozenset((int(written[1], 16),))
        sets = {"d": _DIGITS, "s": _BLANKS, "S": _ALL - _BLANKS - self._ends}
        if escaped not in sets and (not escaped or escaped.isalnum() or not escaped.isascii()):
            self._refuse(f"the escape \\{escaped}")
        self._at += 1
        return sets.get(escaped) or frozenset((ord(escaped),))


def _class(characters: frozenset[int]) -> str:
    """The characters as `re` writes them.

    >>> _class(frozenset(b"0123-"))
    '[\\\\x2d-\\\\x2d\\\\x30-\\\\x33]'
    """
    runs: list[list[int]] = []
    for character in sorted(characters):
        if runs and runs[-1][1] == character - 1:
            runs[-1][1] = character
        else:
            runs.append([character, character])
    return "[" + "".join(f"\\x{low:02x}-\\x{high:02x}" for low, high in runs) + "]"


def parse(pattern: str, ends: bytes) -> Pattern:
    """The pattern of a whole line without its end, made safe. Raises PatternError.

    It has a fixed length, or begins with a character that no number has: the rest of a line whose
    beginning was lost is then never taken for a line.
    """
    if not 0 < len(pattern) <= PATTERN_MAX:
        raise PatternError(f"a pattern of {len(pattern)} characters", f"1 to {PATTERN_MAX}")
    parser = _Parser(pattern, ends)
    part = parser.whole()
    if not part.shortest:
        raise PatternError(f"{pattern!r} fits an empty line", "a pattern of at least a character")
    if part.shortest != part.longest and part.first & _OF_NUMBERS:
        what = f"{pattern!r} would take the rest of a broken line for a whole one"
        raise PatternError(what, r"a fixed length, or a beginning that is no part of a number")
    return Pattern(part.text, tuple(parser.groups), part.shortest)


def line(texts: str, ends: bytes, shortest: int) -> re.Pattern[bytes]:
    """Lines of at most `LINE_MAX` bytes for `search`; `texts` are patterns that `parse` gave."""
    end = "".join(f"\\x{byte:02x}" for byte in ends)
    body = _class(_ALL - frozenset(ends))
    begin = rf"(?:\A|(?<=\x{ends[-1]:02x}))"
    bounded = f"(?=(?>{body}{{{shortest},{LINE_MAX - len(ends)}}}){end})"
    return re.compile(f"{begin}{bounded}{texts}{end}".encode("ascii"))
