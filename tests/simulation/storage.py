"""The classes of the simulated storage, and which size the API server lets a claim have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.kube.errors import Refused
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.quantity import whole_number

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json
    from tests.simulation.kubernetes import ApiServer

STANDARD = "standard"
"""The class of a claim that names none."""

_IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def storage_class(name: str, *, expands: bool = False) -> Json:
    """A class; STANDARD is the default one."""
    about = {"name": name, "annotations": {_IS_DEFAULT: "true"} if name == STANDARD else {}}
    return {"metadata": about, "allowVolumeExpansion": expands}


def with_class(server: ApiServer, claim: Json) -> Json:
    """A new claim as it is admitted: one without a class gets the default one, if there is one."""
    default = next((body for body in server.list(Kind.STORAGE_CLASS) if body["metadata"]["annotations"]), None)
    if default is None or "storageClassName" in claim["spec"]:
        return claim
    return {**claim, "spec": {**claim["spec"], "storageClassName": default["metadata"]["name"]}}


def wanted(claim: Json) -> int:
    """The bytes that a claim asks for."""
    return whole_number(claim["spec"]["resources"]["requests"]["storage"])


def capacity(claim: Json) -> int:
    """The bytes that a claim has."""
    return whole_number(claim["status"].get("capacity", {}).get("storage", "0"))


def grows(claim: Json) -> bool:
    """Whether a claim has a volume, and asks for more than that."""
    return bool(claim["status"]["phase"] == "Bound" and wanted(claim) > capacity(claim))


def expands(server: ApiServer, claim: Json) -> bool:
    """Whether the class of a claim lets its volume grow."""
    found = server.find(Kind.STORAGE_CLASS, "", claim["spec"].get("storageClassName", ""))
    return found is not None and bool(found["allowVolumeExpansion"])


def require_resizable(server: ApiServer, old: Json, new: Json) -> None:
    """Raise Refused, in the words of the admission plugin or the validation, for a size that a claim cannot have."""
    if old.get("spec") == new.get("spec") or wanted(new) == wanted(old):
        return
    name = old["metadata"]["name"]
    if old["status"]["phase"] != "Bound":
        raise _forbidden(name, "Only bound persistent volume claims can be expanded")
    if wanted(new) > wanted(old) and not expands(server, old):
        words = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must"
        raise _forbidden(name, f"{words} support resize")
    if wanted(new) <= capacity(old):
        words = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
        raise Refused(f'PersistentVolumeClaim "{name}" is invalid: {words}', code=422, reason="Invalid")


def _forbidden(name: str, words: str) -> Refused:
    return Refused(f'persistentvolumeclaims "{name}" is forbidden: {words}', code=403, reason="Forbidden")
