"""Which flags users may set with which version: the table of `versions.py` against the programs themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.cluster import binaries
from etcd_operator.etcd.versions import PREFIX, SPELLINGS, flags_for, knows_flag
from tests.integration.etcd_servers import VERSIONS

if TYPE_CHECKING:
    from etcd_operator.etcd.versions import Version

DEFINITION = Path(__file__).parents[3] / "crds" / "etcdcluster.yaml"
SECONDS = 30.0

OWN = re.findall(r"!k\.matches\('([^']+)'\)", DEFINITION.read_text())
"""The patterns by which the definition refuses flags that are the operator's own."""

CONCEALED = "experimental-snapshot-catchup-entries"


def told(version: Version, *arguments: str) -> str:
    """What this etcd writes when it is given these arguments, with which it ends at once."""
    command = [str(binaries.ensure("etcd", version=str(version))), *arguments]
    ended = subprocess.run(command, check=False, text=True, capture_output=True, timeout=SECONDS)
    return ended.stdout + ended.stderr


def takes(version: Version, flag: str) -> bool:
    """Whether this etcd starts with `flag`: it reads all before it prints its version and ends."""
    said = told(version, f"--{flag}=0", "--version")
    unknown = f"flag provided but not defined: -{flag}" in said
    assert unknown or "etcd Version:" in said or f"for flag -{flag}" in said, said
    return not unknown


def helped(version: Version) -> set[str]:
    """The flags that `--help` of this etcd names and that users may set."""
    flags = set(re.findall(r"^ +--([a-z0-9-]+)", told(version, "--help"), re.MULTILINE))
    return {flag for flag in flags if not any(re.search(own, flag) for own in OWN)}


@pytest.mark.parametrize("flag", [name for setting in SPELLINGS for name in (setting, PREFIX + setting)])
def test_a_version_takes_the_flags_that_the_table_says(version: Version, flag: str) -> None:
    assert takes(version, flag) is knows_flag(version, flag)


@pytest.mark.parametrize("setting", SPELLINGS)
def test_what_is_written_in_place_of_an_unknown_flag_is_in_the_help(version: Version, setting: str) -> None:
    assert set(flags_for(setting, version)) - {CONCEALED} <= helped(version)


def test_a_version_knows_every_flag_of_its_help(version: Version) -> None:
    assert [flag for flag in sorted(helped(version)) if not knows_flag(version, flag)] == []


def test_the_table_has_every_flag_that_not_all_versions_know() -> None:
    oldest, *others = (helped(version) for version in VERSIONS)
    differ = oldest.union(*others) - oldest.intersection(*others)
    names = {name for setting in SPELLINGS for name in (setting, PREFIX + setting)}
    assert differ <= names
    assert {flag.removeprefix(PREFIX) for flag in differ} == set(SPELLINGS)


def test_3_5_conceals_one_flag_that_it_takes() -> None:
    shown = {version.minor: CONCEALED in told(version, "--help") for version in VERSIONS}
    assert shown == {5: False, 6: True, 7: False}
    assert takes(VERSIONS[0], CONCEALED)


@pytest.mark.parametrize("flag", ["experimental-max-txn-ops", "experimental-no-such-flag"])
def test_no_version_takes_an_experimental_flag_that_the_table_lacks(version: Version, flag: str) -> None:
    assert not takes(version, flag)
    assert not knows_flag(version, flag)
