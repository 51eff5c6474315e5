"""Versions of etcd, as people write them and as each wants its flags."""

import re
from pathlib import Path

import pytest
import yaml

from etcd_operator.etcd.versions import (
    GATES,
    NEWEST,
    PREFIX,
    SPELLINGS,
    Version,
    doubt,
    flags_for,
    flags_of,
    knows_flag,
    needs_snapshot,
    objection,
    parse_version,
    running_version,
)


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


@pytest.mark.parametrize(("text", "release"), [("3.7.0-rc.1", "3.7.0"), ("3.6.16", "3.6.16"), ("3.8.1+gke", "3.8.1")])
def test_what_a_member_says_is_read_without_its_suffix(text: str, release: str) -> None:
    assert str(running_version(text)) == release


def test_what_is_no_version_is_not_made_one() -> None:
    with pytest.raises(ValueError, match='says that it runs "dev"'):
        running_version("dev")


@pytest.mark.parametrize("text", ["3.6.0", "3.7.3"])
def test_no_experimental_flag_is_used_after_3_5(text: str) -> None:
    flags = flags_of(parse_version(text))
    assert not any("experimental" in flag for flag in (flags.skip_peer_client_san, *flags.corruption_checks))


def test_3_5_has_experimental_flags_only() -> None:
    flags = flags_of(parse_version("3.5.35"))
    assert all(flag.startswith("--experimental-") for flag in (flags.skip_peer_client_san, *flags.corruption_checks))


V = parse_version
RELEASES = ("3.5.28", "3.5.31", "3.5.32", "3.6.9", "3.6.10", "3.6.11", "3.7.0", "3.5.35", "3.6.16", "3.7.3")


@pytest.mark.parametrize("text", RELEASES)
def test_within_a_minor_version_every_release_leads_to_every_other(text: str) -> None:
    for newest in NEWEST.values():
        if newest.minor == V(text).minor:
            assert objection([V(text)], newest) is None
            assert objection([newest], V(text)) is None


@pytest.mark.parametrize(
    ("running", "target", "way"),
    [
        (["3.5.31"], "3.6.16", "write 3.5.35 first"),
        (["3.5.32"], "3.6.16", None),
        (["3.6.10"], "3.7.3", "write 3.6.16 first"),
        (["3.6.11"], "3.7.3", None),
        (["3.5.35"], "3.7.3", "write 3.6.16 first, then 3.7.3"),
        (["3.6.16"], "3.5.35", None),
        (["3.6.16"], "3.5.31", "from etcd 3.5.31 there is no way up to 3.6 again: write 3.5.35"),
        (["3.7.3"], "3.6.11", None),
        (["3.7.3"], "3.6.10", "from etcd 3.6.10 there is no way up to 3.7 again: write 3.6.16"),
        (["3.7.3"], "3.5.35", "goes down one minor version at a time, and 3.7.3 runs: write 3.6.16 first, then 3.5.35"),
        (["3.6.16", "3.7.3"], "3.5.35", "write 3.6.16 first, then 3.5.35"),
        (["3.5.35", "3.6.16"], "3.5.35", None),
        (["3.5.35", "3.6.16"], "3.6.16", None),
        (["3.5.35", "3.6.16"], "3.7.3", "write 3.6.16 first, then 3.7.3"),
        (["3.5.31", "3.6.16"], "3.6.16", "write 3.5.35 first"),
        (["3.9.0"], "3.7.3", "a member runs etcd 3.9.0, from which this operator knows no way"),
        (["3.3.0", "3.5.35"], "3.5.35", "a member runs etcd 3.3.0, from which this operator knows no way"),
    ],
)
def test_the_way_between_minor_versions_is_etcds_own(running: list[str], target: str, way: str | None) -> None:
    found = objection([running_version(text) for text in running], V(target))
    assert found is None if way is None else found is not None and way in found


@pytest.mark.parametrize(
    ("oldest", "target", "needed"),
    [
        ("3.5.35", "3.7.0", True),
        (None, "3.7.3", True),
        ("3.6.0", "3.7.3", False),
        ("3.5.35", "3.6.16", False),
        (None, "3.6.16", False),
    ],
)
def test_3_7_reads_no_entry_that_3_5_may_have_written(oldest: str | None, target: str, *, needed: bool) -> None:
    assert needs_snapshot(None if oldest is None else V(oldest), V(target)) is needed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3.5.2", "killed under load may have other data"),
        ("3.5.4", "a cluster of one may lose writes"),
        ("3.5.5", "killed while it defragments"),
        ("3.5.22", "receives a snapshot"),
        ("3.5.25", "removed may come back"),
        ("3.5.27", "stood still"),
        ("3.6.3", "receives a snapshot"),
        (
            "3.6.8",
            "with old data, mended in 3.6.9: write 3.6.16, or spec.allowUnsafeVersion: true",
        ),
        ("3.6.17", "knows nothing of etcd 3.6.17, and was tried with 3.6.16: write 3.6.16, or"),
        ("3.7.4", "knows nothing of etcd 3.7.4"),
    ],
)
def test_a_release_that_should_not_run_is_told_with_its_defect_and_the_way_out(text: str, words: str) -> None:
    assert words in (doubt(V(text)) or "")


@pytest.mark.parametrize("text", ["3.5.28", "3.6.9", "3.6.11", "3.7.0", *map(str, NEWEST.values())])
def test_nothing_is_known_against_the_others(text: str) -> None:
    assert doubt(V(text)) is None


def test_every_gate_and_every_way_out_is_a_release_of_which_nothing_bad_is_known() -> None:
    assert all(doubt(release) is None for release in (*GATES.values(), *NEWEST.values()))


def test_every_gate_is_a_release_of_the_minor_version_before() -> None:
    for minor, gate in GATES.items():
        assert gate.minor == minor - 1
        assert gate <= NEWEST[minor - 1]


@pytest.mark.parametrize(
    ("version", "flag", "known"),
    [
        ("3.5.35", "warning-apply-duration", False),
        ("3.5.35", "experimental-warning-apply-duration", True),
        ("3.6.16", "warning-apply-duration", True),
        ("3.6.16", "experimental-warning-apply-duration", True),
        ("3.7.3", "warning-apply-duration", True),
        ("3.7.3", "experimental-warning-apply-duration", False),
        ("3.5.35", "experimental-warning-unary-request-duration", False),
        ("3.6.16", "experimental-warning-unary-request-duration", True),
        ("3.6.16", "experimental-log-format", False),
        ("3.7.3", "stop-grpc-service-on-defrag", False),
        ("3.5.35", "max-txn-ops", True),
        ("3.7.3", "max-txn-ops", True),
        ("3.6.16", "experimental-max-txn-ops", False),
    ],
)
def test_each_version_knows_flags_that_others_do_not(version: str, flag: str, *, known: bool) -> None:
    assert knows_flag(parse_version(version), flag) is known


@pytest.mark.parametrize(
    ("version", "setting", "flags"),
    [
        ("3.5.35", "memory-mlock", ("experimental-memory-mlock",)),
        ("3.6.16", "memory-mlock", ("memory-mlock", "experimental-memory-mlock")),
        ("3.7.3", "memory-mlock", ("memory-mlock",)),
        ("3.7.3", "enable-lease-checkpoint", ()),
    ],
)
def test_a_setting_has_another_flag_in_another_version(version: str, setting: str, flags: tuple[str, ...]) -> None:
    assert flags_for(setting, parse_version(version)) == flags


def taken(minor: int, *, prefixed: bool, plain: bool) -> list[str]:
    """The settings for which this minor version has a flag with the prefix and one without it, or has not."""
    return [
        setting
        for setting, spelling in sorted(SPELLINGS.items())
        if (minor in spelling.prefixed, minor in spelling.plain) == (prefixed, plain)
    ]


def either(settings: list[str]) -> list[str]:
    """The names that flags for these settings may have."""
    return sorted(name for setting in settings for name in (setting, PREFIX + setting))


OWN = ["compact-hash-check-enabled", "enable-v2v3", "initial-corrupt-check"]
"""The settings with the prefix that are the operator's: the definition refuses them with another sentence."""


def test_the_definition_refuses_the_flags_of_the_table() -> None:
    definition = yaml.safe_load((Path(__file__).parents[3] / "crds" / "etcdcluster.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    rules = [rule for rule in schema["x-kubernetes-validations"] if rule.get("fieldPath") == ".etcd.extraArgs"]
    lists = [
        [taken(5, prefixed=True, plain=False), taken(6, prefixed=True, plain=False)],
        [taken(7, prefixed=False, plain=True), taken(6, prefixed=False, plain=True)],
        [either(taken(7, prefixed=False, plain=False))],
        [either(taken(5, prefixed=False, plain=False))],
        [OWN + sorted(SPELLINGS)],
    ]
    for expression in ("rule", "messageExpression"):
        written = [re.findall(r"\[( ?'[^]]+)\]", rule[expression]) for rule in rules]
        assert [[re.findall(r"'([^']+)'", names) for names in one] for one in written] == lists
