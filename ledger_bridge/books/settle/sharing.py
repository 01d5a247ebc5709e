"""What was produced in a quarter-hour, shared among those who used energy in it: exactly, in mWh.

A key says what everybody's exact share is, as a fraction. It is rounded once: down to whole mWh,
and what is then missing goes, one mWh each, to the largest remainders. Ties go to whoever comes
first; the caller gives everybody in the order of their accounts, so that no other order matters.

Nobody gets more than they used, and what nobody gets is left over.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

# Everybody's share of so much production, by what each used.
Split = Callable[[int, Sequence[int]], list[int]]


class Shared(NamedTuple):
    """mWh of one quarter-hour: what each took, what each gave of it, and what was left over."""

    taken: list[int]
    given: list[int]
    left: int


def share(produced: Sequence[int], used: Sequence[int], split: Split) -> Shared:
    """One quarter-hour. Taken and left over are what was produced; given is what was taken.

    What is taken comes from every producer alike: in proportion to what each produced.
    """
    total = sum(produced)
    taken = split(total, used) if total else [0] * len(used)
    shared = sum(taken)
    assert 0 <= shared <= total, f"{shared} of {total} mWh are shared"
    if shared == total:
        return Shared(taken, list(produced), 0)
    given = rounded([shared * one for one in produced], total)
    return Shared(taken, given, total - shared)


def rounded(parts: Sequence[int], whole: int) -> list[int]:
    """Fractions part/whole as integers that add up to their sum, itself rounded down.

    Each is rounded down, and the largest remainders up: nobody is one away from their fraction.

    >>> rounded([5, 5, 5], 3)
    [2, 2, 1]
    """
    found = [part // whole for part in parts]
    missing = sum(parts) // whole - sum(found)
    if missing:
        rests = [part % whole for part in parts]
        # Sorting is stable, also backwards: of equal rests the first come first.
        for n in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:missing]:
            found[n] += 1
    return found


def pro_rata(produced: int, used: Sequence[int]) -> list[int]:
    """In proportion to what each used."""
    total = sum(used)
    if produced >= total:
        return list(used)
    return rounded([produced * one for one in used], total)


def fixed(produced: int, used: Sequence[int], weights: Sequence[int], whole: int) -> list[int]:
    """To each their fixed share weight/whole; what one does not use of it goes to nobody else."""
    return rounded(_fixed(produced, used, weights, whole), whole)


def _fixed(produced: int, used: Sequence[int], weights: Sequence[int], whole: int) -> list[int]:
    """The exact fixed shares, as parts of `whole`."""
    return [
        part if (part := produced * weight) < (most := one * whole) else most
        for one, weight in zip(used, weights, strict=True)
    ]


def hybrid(produced: int, used: Sequence[int], weights: Sequence[int], whole: int) -> list[int]:
    """First to each their fixed share weight/whole, then the rest in proportion to what each still
    needs.
    """
    if produced >= sum(used):
        return list(used)
    first = _fixed(produced, used, weights, whole)
    wants = [one * whole - part for one, part in zip(used, first, strict=True)]
    rest, wanted = produced * whole - sum(first), sum(wants)
    # Something is wanted: less was produced than was used.
    parts = [part * wanted + want * rest for part, want in zip(first, wants, strict=True)]
    return rounded(parts, whole * wanted)


def rounds(produced: int, used: Sequence[int], weights: Sequence[int]) -> list[int]:
    """In proportion to weights; what one does not use goes to the others in the same proportion,
    again and again until nothing moves. Who has weight 0 gets nothing.

    The end of all rounds is reckoned at once: everybody gets what they used, up to a level that is
    the same for all per weight.
    """
    wanted = sum(one for one, weight in zip(used, weights, strict=True) if weight)
    if produced >= wanted:
        return [one if weight else 0 for one, weight in zip(used, weights, strict=True)]
    # Whom the level reaches first: by used/weight. Two such fractions that differ do so by 1/finest
    # at least, so that these integers are in their order.
    finest = max(weights) ** 2
    order = [n for n, weight in enumerate(weights) if weight]
    order.sort(key=lambda n: used[n] * finest // weights[n])
    taken = [0] * len(used)
    rest, open_ = produced, sum(weights)
    for place, n in enumerate(order):
        if used[n] * open_ > rest * weights[n]:
            # These get less than they used. There are some: less was produced than was wanted.
            thirsty = sorted(order[place:])
            break
        taken[n] = used[n]
        rest -= used[n]
        open_ -= weights[n]
    parts = rounded([rest * weights[n] for n in thirsty], open_)
    for n, part in zip(thirsty, parts, strict=True):
        taken[n] = part
    return taken
