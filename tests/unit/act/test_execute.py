"""Each step as it reaches Kubernetes, with what must still hold."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from etcd_operator import pki
from etcd_operator.act.execute import Executor
from etcd_operator.act.membership import MembershipExecutor
from etcd_operator.kube.errors import AlreadyExists, Conflict, NotFound, Refused
from etcd_operator.plan.model import Create, CreateAuthority, Delete, Patch, Step
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import cluster_labels
from tests.builders import (
    IDENTITY,
    MEMBERS,
    NOW,
    Stage,
    a_meta,
    a_secret,
    an_observation,
    having,
    object_json,
    secret_json,
    with_data,
)
from tests.unit.fakes import FakeEtcd, FakeKube
from tests.unit.plan.decide import decide, written

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Meta, Observation

MEMBER = MEMBERS[0]
SERVICE: Json = {"metadata": {"name": "orders", "namespace": "shop"}, "spec": {}}
AUTHORITY = CreateAuthority(IDENTITY.peer_ca_secret, IDENTITY.peer_ca_secret, cluster_labels(IDENTITY), "first start")


@pytest.fixture
def kube() -> FakeKube:
    """An empty Kubernetes."""
    return FakeKube()


async def do(kube: FakeKube, step: Step, seen: Observation | None = None) -> None:
    """Carry out one step."""
    seen = seen or an_observation(Stage.FOUNDED)
    await Executor(kube, MembershipExecutor(FakeEtcd(), seen, lambda: 10.0), seen).execute(step)


def secret(kube: FakeKube, name: str) -> dict[str, bytes]:
    """The decoded Secret as it is stored."""
    body = kube.objects[Kind.SECRET, "shop", name]
    return {key: base64.b64decode(value) for key, value in body["data"].items()}


async def test_an_object_is_created_as_planned(kube: FakeKube) -> None:
    await do(kube, Create(Kind.SERVICE, "orders", SERVICE, "missing"))
    assert kube.named(Kind.SERVICE) == {"orders"}


async def test_an_object_that_is_there_is_never_adopted(kube: FakeKube) -> None:
    kube.put(Kind.SERVICE, {**SERVICE, "spec": {"of": "somebody"}})
    with pytest.raises(AlreadyExists):
        await do(kube, Create(Kind.SERVICE, "orders", SERVICE, "missing"))
    assert kube.objects[Kind.SERVICE, "shop", "orders"]["spec"] == {"of": "somebody"}


async def test_only_the_very_object_that_was_seen_is_patched_and_only_unchanged(kube: FakeKube) -> None:
    stored = kube.put(Kind.SERVICE, object_json(Kind.SERVICE, a_meta("orders")))["metadata"]
    seen = a_meta("orders")
    with pytest.raises(Conflict):
        await do(kube, Patch(Kind.SERVICE, seen, {"metadata": {"labels": {"a": "b"}}}, "test"))
    current = _identity(stored)
    await do(kube, Patch(Kind.SERVICE, current, {"metadata": {"labels": {"a": "b"}}}, "test"))
    assert kube.objects[Kind.SERVICE, "shop", "orders"]["metadata"]["labels"]["a"] == "b"


async def test_a_patch_after_which_all_is_as_before_counts_as_refused(kube: FakeKube) -> None:
    about = kube.put(Kind.SERVICE, object_json(Kind.SERVICE, a_meta("orders")))["metadata"]
    undone = Patch(Kind.SERVICE, _identity(about), {"metadata": {"labels": about["labels"]}}, "a webhook undid it")
    with pytest.raises(Refused, match="left the Service as it was"):
        await do(kube, undone)


def _identity(about: Json) -> Meta:
    return replace(a_meta(about["name"]), uid=about["uid"], resource_version=about["resourceVersion"])


async def test_only_the_very_object_that_was_seen_is_deleted_however_it_changed_since(kube: FakeKube) -> None:
    kube.put(Kind.POD, object_json(Kind.POD, a_meta(MEMBER)))
    await do(kube, Delete(Kind.POD, a_meta(MEMBER), "ended"))
    assert kube.named(Kind.POD) == set()


@pytest.mark.parametrize("grace", [None, 0, 1])
async def test_only_a_deletion_that_says_so_waits_for_nobody(kube: FakeKube, *, grace: int | None) -> None:
    kube.put(Kind.POD, object_json(Kind.POD, a_meta(MEMBER)))
    await do(kube, Delete(Kind.POD, a_meta(MEMBER), "it has left", grace=grace))
    assert kube.graces == [grace]


async def test_another_object_of_that_name_is_not_deleted(kube: FakeKube) -> None:
    body = object_json(Kind.CLAIM, a_meta(MEMBER))
    body["metadata"]["uid"] = "another"
    kube.put(Kind.CLAIM, body)
    with pytest.raises(Conflict):
        await do(kube, Delete(Kind.CLAIM, a_meta(MEMBER), "given up"))
    assert kube.named(Kind.CLAIM) == {MEMBER}


async def test_what_is_gone_already_is_told_as_such(kube: FakeKube) -> None:
    with pytest.raises(NotFound):
        await do(kube, Delete(Kind.POD, a_meta(MEMBER), "ended"))


async def test_an_authority_is_made_of_fresh_randomness_and_can_sign(kube: FakeKube) -> None:
    await do(kube, AUTHORITY)
    first = secret(kube, IDENTITY.peer_ca_secret)
    assert first["ca.crt"] == first["tls.crt"]
    assert pki.ca_problem(pki.KeyPair(first["tls.crt"], first["tls.key"]), now=NOW) is None
    kube.objects.clear()
    await do(kube, AUTHORITY)
    assert secret(kube, IDENTITY.peer_ca_secret)["tls.key"] != first["tls.key"]


async def test_an_authority_that_is_there_is_never_overwritten(kube: FakeKube) -> None:
    await do(kube, AUTHORITY)
    stands = secret(kube, IDENTITY.peer_ca_secret)
    with pytest.raises(AlreadyExists):
        await do(kube, AUTHORITY)
    assert secret(kube, IDENTITY.peer_ca_secret) == stands


async def test_an_authority_is_owned_and_labelled_like_everything_else(kube: FakeKube) -> None:
    await do(kube, AUTHORITY)
    about = kube.objects[Kind.SECRET, "shop", IDENTITY.peer_ca_secret]["metadata"]
    assert about["labels"] == cluster_labels(IDENTITY)
    assert [owner["uid"] for owner in about["ownerReferences"]] == [IDENTITY.uid]


async def test_a_members_secret_holds_all_that_was_planned_and_leaves_that_serve(kube: FakeKube) -> None:
    seen = an_observation(Stage.FOUNDED)
    step = written(decide(seen), MEMBER)
    await do(kube, step, seen)
    data = secret(kube, MEMBER)
    assert data.keys() == {
        *("peer.crt", "peer.key", "peer-ca.crt", "server.crt", "server.key", "client-ca.crt", "initial-cluster"),
    }
    for leaf in step.wanted.leaves:
        bundle = seen.secrets[leaf.authority].data["ca.crt"]
        pair = pki.KeyPair(data[f"{leaf.prefix}.crt"], data[f"{leaf.prefix}.key"])
        names = leaf.names
        assert (
            pki.reissue_reason(pair, leaf.profile, common_name=leaf.common_name, names=names, bundle=bundle, now=NOW)
            is None
        )


async def test_the_private_key_of_an_authority_reaches_no_other_secret(kube: FakeKube) -> None:
    seen = an_observation(Stage.FOUNDED)
    for step in decide(seen).steps:
        await do(kube, step, seen)
    keys = {seen.secrets[name].data["tls.key"] for name in (IDENTITY.peer_ca_secret, IDENTITY.client_ca_secret)}
    for _, _, name in kube.objects:
        assert keys.isdisjoint(secret(kube, name).values())


async def test_certificates_that_serve_are_kept_when_another_text_changes(kube: FakeKube) -> None:
    seen = _stored(kube, an_observation(Stage.FORMED))
    before = secret(kube, MEMBER)
    await do(kube, written(decide(seen), MEMBER), seen)
    after = secret(kube, MEMBER)
    assert after["initial-cluster"] != before["initial-cluster"]
    assert {key: value for key, value in after.items() if key != "initial-cluster"} == {
        key: value for key, value in before.items() if key != "initial-cluster"
    }


async def test_only_the_leaf_that_is_due_is_made_anew(kube: FakeKube) -> None:
    stable = an_observation(Stage.STABLE)
    seen = _stored(kube, having(stable, with_data(stable.secrets[MEMBER], {"peer.crt": b"garbage"})))
    before = secret(kube, MEMBER)
    await do(kube, written(decide(seen), MEMBER), seen)
    after = secret(kube, MEMBER)
    assert x509.load_pem_x509_certificate(after["peer.crt"])
    assert after["peer.key"] != before["peer.key"]
    assert after["server.crt"] == before["server.crt"]


async def test_a_secret_that_changed_since_it_was_seen_is_not_written(kube: FakeKube) -> None:
    seen = _stored(kube, an_observation(Stage.FORMED))
    step = written(decide(seen), MEMBER)
    kube.put(Kind.SECRET, kube.objects[Kind.SECRET, "shop", MEMBER])
    with pytest.raises(Conflict):
        await do(kube, step, seen)


async def test_what_somebody_else_put_into_a_secret_stays(kube: FakeKube) -> None:
    formed = an_observation(Stage.FORMED)
    seen = _stored(kube, having(formed, with_data(formed.secrets[MEMBER], {"note": b"mine"})))
    await do(kube, written(decide(seen), MEMBER), seen)
    assert secret(kube, MEMBER)["note"] == b"mine"


def _stored(kube: FakeKube, seen: Observation) -> Observation:
    """`seen` with its Secrets in `kube`, as they are known there."""
    for found in seen.secrets.values():
        about = kube.put(Kind.SECRET, secret_json(found))["metadata"]
        meta = replace(found.meta, uid=about["uid"], resource_version=about["resourceVersion"])
        seen = having(seen, replace(a_secret(found.meta.name, found.data), meta=meta))
    return seen
