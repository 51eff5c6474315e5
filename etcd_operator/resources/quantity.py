"""Reads Kubernetes quantities, because etcd wants its sizes in bytes."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([EPTGMK]i|[numkMGTPE]))?")

_DECIMAL = {
    letter: Decimal(10) ** power for letter, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)
}
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_SUFFIX = {**_DECIMAL, **_BINARY}


def quantity(number: int) -> str:
    """`number` as people write it: 8Gi, 1536Mi, or in full where no unit divides it."""
    power = next((power for power in (6, 5, 4, 3, 2, 1) if number and number % 1024**power == 0), 0)
    return f"{number // 1024**power}{'KMGTPE'[power - 1]}i" if power else str(number)


@lru_cache(maxsize=256)
def whole_number(quantity: str) -> int:
    """The number that a quantity such as `8Gi`, `500M`, `1.5Gi` or `2e9` stands for, rounded up as Kubernetes does.

    Raises ValueError, in words for its author, when it is no quantity.
    """
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        raise ValueError(f'"{quantity}" is not a quantity: write a number with a unit, for example 8Gi')
    number, exponent, suffix = found.groups()
    factor = Decimal(10) ** int(exponent) if exponent else _SUFFIX.get(suffix, Decimal(1))
    return int((Decimal(number) * factor).to_integral_value(rounding=ROUND_CEILING))
