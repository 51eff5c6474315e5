"""Without these, volumes would be touched that need not be, or members be replaced for nothing."""

from __future__ import annotations

from tests.mutants.mutation import of

VOLUMES = of(
    "plan/volumes.py",
    ("before the formation no volume is touched", "    if not situation.record.formed:\n        return None\n", ""),
    ("one volume grows after the other", "if claim.grows and claim.size <= asked:\n", "if claim.lost:\n"),
    ("nobody waits for what nobody asks for", "if claim.grows and claim.size <= asked:\n", "if claim.grows:\n"),
    ("no volume shrinks", "return claim.holds < whole_number(", "return claim.holds != whole_number("),
    ("a claim without a volume is not touched", "return claim.bound and (too_much", "return (too_much"),
    ("a volume that cannot become so large is asked for less", "claim.bound and (too_much or ", "claim.bound and ("),
    ("none is asked for less than it has", "claim.size > asked > (claim.capacity or 0)", "claim.size > asked"),
    ("a volume that is larger than its claim is as good as any", "return claim.holds <", "return claim.size <"),
    ("what cannot be expanded is not tried", " and unfit(situation, name) is None and", " and"),
    ("a claim that goes is left alone", " and not claim.meta.deleting:\n            size", ":\n            size"),
    (
        "nobody is replaced unasked",
        "if situation.spec.storage.resize is Resize.REPLACE else None",
        "if member else None",
    ),
    (
        "what can be expanded is not replaced",
        "_is_small(situation, claim) and not _may_expand",
        "_is_small(situation, claim) or not _may_expand",
    ),
    ("any class will do where none is named", "return wanted is not None and claim", "return claim"),
    ("another class is another volume", "and claim.class_name != wanted", "and claim.class_name is None"),
    (
        "where classes may not be read the API server answers",
        "return situation.spec.storage.resize is Resize.EXPAND",
        "return False",
    ),
    (
        "who may not read classes replaces when asked to",
        "return situation.spec.storage.resize is Resize.EXPAND",
        "return True",
    ),
    ("a member that has a volume waits for none", "    if claim is None or claim.bound:\n", "    if claim is None:\n"),
    ("a member that gets on is let be", "return waits and (", "return ("),
)

ALL = VOLUMES
