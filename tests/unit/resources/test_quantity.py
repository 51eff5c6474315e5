"""Kubernetes quantities."""

from __future__ import annotations

import pytest

from etcd_operator.resources.quantity import whole_number


@pytest.mark.parametrize(
    ("quantity", "number"),
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
def test_a_quantity_is_a_number_rounded_up(quantity: str, number: int) -> None:
    assert whole_number(quantity) == number


@pytest.mark.parametrize("text", ["", "Gi", "8 Gi", "8gi", "8GiB", "1,5Gi", "eight", "8Gi\n", "--8"])
def test_what_is_no_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example 8Gi"):
        whole_number(text)
