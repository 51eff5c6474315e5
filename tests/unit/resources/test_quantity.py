"""Kubernetes quantities."""

from __future__ import annotations

import pytest

from etcd_operator.resources.quantity import quantity, whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1048576", 1_048_576),
        ("8Gi", 8 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("500M", 500_000_000),
        ("2k", 2_000),
        ("1Ei", 2**60),
        ("2e9", 2_000_000_000),
        ("12E6", 12_000_000),
        ("3E", 3 * 10**18),
        ("+5", 5),
        (".5Ki", 512),
        ("5.", 5),
        ("1500m", 2),
        ("1n", 1),
    ],
)
def test_a_quantity_is_a_number_rounded_up(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "Gi", "8 Gi", "8gi", "8GiB", "1,5Gi", "eight", "8Gi\n", "--8"])
def test_what_is_no_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example 8Gi"):
        whole_number(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1, "1"), (1024, "1Ki"), (3 * 2**29, "1536Mi"), (2**33, "8Gi"), (2**60, "1Ei"), (10**9, "1000000000")],
)
def test_a_number_is_written_with_the_largest_unit_that_divides_it(number: int, text: str) -> None:
    assert quantity(number) == text
    assert whole_number(text) == number
