"""One step, carried out. Its preconditions travel with the call, so that a call that comes too late does nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator import pki
from etcd_operator.kube.errors import Refused
from etcd_operator.kube.port import Precondition
from etcd_operator.plan.model import Create, CreateAuthority, Delete, Patch, WriteCredentials
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import Identity
from etcd_operator.resources.secret import CA_BUNDLE, CERTIFICATE, KEY, secret

if TYPE_CHECKING:
    from etcd_operator.act.membership import MembershipExecutor
    from etcd_operator.api.cluster import Json
    from etcd_operator.kube.port import Kube
    from etcd_operator.observation import Meta, Observation
    from etcd_operator.plan.model import Step


@dataclass(frozen=True, slots=True)
class Executor:
    """Carries out the steps planned from one observation; those on etcd by `members`."""

    kube: Kube
    members: MembershipExecutor
    seen: Observation

    async def execute(self, step: Step) -> None:
        """Carry out `step`.

        Raises a KubeError when Kubernetes refuses it, leaves all as it was or cannot be asked, and what
        `MembershipExecutor` raises.
        """
        match step:
            case Create():
                await self.kube.create(step.kind, self._namespace, step.body)
            case Patch():
                await self._patch(step.kind, step.target, step.patch)
            case Delete():
                await self.kube.delete(
                    step.kind,
                    self._namespace,
                    step.name,
                    precondition=_as_seen(step),
                    grace_seconds=step.grace,
                )
            case CreateAuthority():
                await self._create_authority(step)
            case WriteCredentials():
                await self._write_credentials(step)
            case _:
                await self.members.execute(step)

    @property
    def _namespace(self) -> str:
        return self.seen.cluster.namespace

    @property
    def _identity(self) -> Identity:
        meta = self.seen.cluster.meta
        return Identity(meta.name, self._namespace, meta.uid)

    async def _patch(self, kind: Kind, target: Meta, patch: Json) -> None:
        """Patch what was seen; a change that something undoes counts as refused, or it would be sent again at once."""
        held = _unchanged(target)
        found = await self.kube.patch(kind, self._namespace, target.name, patch, precondition=held)
        if found["metadata"]["resourceVersion"] == held.resource_version:
            raise Refused(
                f"the API server took the change and left the {kind.value.kind} as it was: something undoes it, such "
                "as an admission webhook"
            )

    async def _create_authority(self, step: CreateAuthority) -> None:
        authority = pki.new_ca(step.common_name, fresh=pki.fresh(), now=self.seen.at)
        data = {CERTIFICATE: authority.certificate, KEY: authority.key, CA_BUNDLE: authority.certificate}
        await self.kube.create(
            Kind.SECRET, self._namespace, secret(self._identity, step.name, data, labels=step.labels)
        )

    async def _write_credentials(self, step: WriteCredentials) -> None:
        data = {key: text.encode() for key, text in step.wanted.texts.items()}
        data |= {key: self._authority_data(name, CA_BUNDLE) for key, name in step.wanted.bundles.items()}
        for leaf in step.wanted.leaves:
            if leaf.prefix in step.issue:
                issued = pki.issue(
                    self._authority(leaf.authority),
                    leaf.profile,
                    common_name=leaf.common_name,
                    names=leaf.names,
                    fresh=pki.fresh(),
                    now=self.seen.at,
                )
                data |= {f"{leaf.prefix}.crt": issued.certificate, f"{leaf.prefix}.key": issued.key}
        if step.target is None:
            body = secret(self._identity, step.name, data, labels=step.wanted.labels)
            await self.kube.create(Kind.SECRET, self._namespace, body)
            return
        patch = {"data": {key: base64.b64encode(value).decode() for key, value in data.items()}}
        await self._patch(Kind.SECRET, step.target, patch)

    def _authority(self, name: str) -> pki.KeyPair:
        return pki.KeyPair(self._authority_data(name, CERTIFICATE), self._authority_data(name, KEY))

    def _authority_data(self, name: str, key: str) -> bytes:
        return self.seen.secrets[name].data[key]


def _as_seen(step: Delete) -> Precondition:
    """A claim must not have changed since it was looked at, for it may have got a volume with data; a Pod may have."""
    return _unchanged(step.target) if step.kind is Kind.CLAIM else Precondition(step.target.uid)


def _unchanged(target: Meta) -> Precondition:
    return Precondition(target.uid, target.resource_version)
