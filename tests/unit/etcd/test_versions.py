"""Versions of etcd, as people write them and as each wants its flags."""

import pytest

from etcd_operator.etcd.versions import Version, flags_of, parse_version


@pytest.mark.parametrize("text", ["3.5.35", "3.6.0", "3.7.3", "3.6.100"])
def test_a_supported_version_is_printed_as_it_was_written(text: str) -> None:
    assert str(parse_version(text)) == text


@pytest.mark.parametrize(
    "text", ["", "3.6", "v3.6.16", "3.6.16-rc.1", "3.6.016", " 3.6.16", "3.6.16\n", "latest", "3.6.1\u0663"]
)
def test_what_is_no_version_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write three numbers, for example 3\.6\.16"):
        parse_version(text)


@pytest.mark.parametrize("text", ["3.4.34", "3.8.0", "2.3.8", "4.0.0"])
def test_an_unsupported_minor_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(ValueError, match=rf"etcd {text} is not supported: write a version of 3\.5, 3\.6, 3\.7"):
        parse_version(text)


def test_versions_are_ordered_by_number_not_by_text() -> None:
    written = ["3.5.35", "3.6.4", "3.6.16", "3.7.0"]
    assert sorted(map(parse_version, reversed(written))) == [parse_version(text) for text in written]
    assert parse_version("3.6.4") < Version(3, 6, 16)


@pytest.mark.parametrize("text", ["3.6.0", "3.7.3"])
def test_no_experimental_flag_is_used_after_3_5(text: str) -> None:
    flags = flags_of(parse_version(text))
    assert not any("experimental" in flag for flag in (flags.skip_peer_client_san, *flags.corruption_checks))


def test_3_5_has_experimental_flags_only() -> None:
    flags = flags_of(parse_version("3.5.35"))
    assert all(flag.startswith("--experimental-") for flag in (flags.skip_peer_client_san, *flags.corruption_checks))
