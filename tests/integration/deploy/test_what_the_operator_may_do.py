"""The operator's rights and those of its Pods, as a real API server judges them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.render import NAMESPACE
from tests.integration.apiserver import RefusedError
from tests.integration.deploy.helm import one

if TYPE_CHECKING:
    from tests.integration.apiserver import ApiServer
    from tests.integration.deploy.helm import Programs

GROUPS = {
    "etcdclusters": "etcd-operator.dev",
    "poddisruptionbudgets": "policy",
    "leases": "coordination.k8s.io",
    "clusterroles": "rbac.authorization.k8s.io",
    "customresourcedefinitions": "apiextensions.k8s.io",
}
OWNED = ("pods", "persistentvolumeclaims", "secrets")

NEEDED = [
    *((verb, "etcdclusters", "shop") for verb in ("get", "list", "watch")),
    ("patch", "etcdclusters/status", "shop"),
    ("update", "etcdclusters/finalizers", "shop"),
    *((verb, kind, "shop") for kind in OWNED for verb in ("list", "watch", "create", "patch", "delete")),
    ("get", "persistentvolumeclaims", "shop"),
    *((verb, "services", "shop") for verb in ("list", "watch", "create", "patch", "delete")),
    *((verb, "poddisruptionbudgets", "shop") for verb in ("list", "watch", "create", "patch")),
    ("list", "events", "shop"),
    ("create", "events.k8s.io/events", "shop"),
    ("get", "nodes", ""),
    ("create", "leases", NAMESPACE),
    *((verb, "leases/=etcd-operator", NAMESPACE) for verb in ("get", "patch")),
]

NEVER = [
    *((verb, "etcdclusters", "shop") for verb in ("create", "update", "patch", "delete", "deletecollection")),
    *(("deletecollection", kind, "shop") for kind in (*OWNED, "services", "poddisruptionbudgets")),
    *((verb, "pods/exec", "shop") for verb in ("get", "create")),
    ("create", "pods/eviction", "shop"),
    *((verb, "leases", "shop") for verb in ("get", "create", "patch")),
    *((verb, "leases/=kube-scheduler", NAMESPACE) for verb in ("get", "patch")),
    *((verb, kind, "") for kind in ("namespaces", "persistentvolumes", "clusterroles") for verb in (
        "get", "list", "create", "patch", "delete",
    )),
    *((verb, "nodes", "") for verb in ("list", "create", "patch", "delete")),
    *((verb, "customresourcedefinitions", "") for verb in ("list", "patch", "delete")),
]  # fmt: skip


def allowed(server: ApiServer, verb: str, what: str, namespace: str) -> bool:
    """Ask the API server; `what` is resource, resource/subresource, resource/=name or group/resource."""
    resource, _, rest = what.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "resource": resource, "group": GROUPS.get(resource, "")}
    match rest:
        case "":
            pass
        case "events":
            attributes |= {"group": resource, "resource": rest}
        case named if named.startswith("="):
            attributes["name"] = named[1:]
        case subresource:
            attributes["subresource"] = subresource
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{NAMESPACE}:etcd-operator", "resourceAttributes": attributes},
    }
    answer = server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


@pytest.fixture(scope="module")
def everywhere(kubernetes: Programs) -> ApiServer:
    """An API server with the rights of the default installation."""
    return _with_rights(kubernetes)


@pytest.fixture
def chosen(kubernetes: Programs, everywhere: ApiServer) -> ApiServer:
    """An API server with the rights of an installation for the namespace `bank` alone."""
    kubernetes.kubectl("delete", "clusterrolebinding", f"{NAMESPACE}:etcd-operator")
    _with_rights(kubernetes, "--set", "watch.namespaces={bank}")
    return everywhere


def _with_rights(kubernetes: Programs, *values: str) -> ApiServer:
    assert kubernetes.server is not None
    rights = [
        manifest
        for manifest in kubernetes.template(*values)
        if manifest["apiVersion"].startswith("rbac") or manifest["kind"] == "ServiceAccount"
    ]
    namespaces = sorted({manifest["metadata"].get("namespace", NAMESPACE) for manifest in rights})
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
    kubernetes.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(made + rights))
    return kubernetes.server


@pytest.mark.parametrize(("verb", "what", "namespace"), NEEDED)
def test_the_operator_may_do_what_it_needs(everywhere: ApiServer, verb: str, what: str, namespace: str) -> None:
    assert allowed(everywhere, verb, what, namespace)


@pytest.mark.parametrize(("verb", "what", "namespace"), NEVER)
def test_the_operator_may_do_nothing_else(everywhere: ApiServer, verb: str, what: str, namespace: str) -> None:
    assert not allowed(everywhere, verb, what, namespace)


def test_an_operator_for_chosen_namespaces_has_no_rights_in_others(chosen: ApiServer) -> None:
    for verb, what, namespace in NEEDED:
        if namespace == NAMESPACE:
            assert allowed(chosen, verb, what, namespace)
        elif what == "nodes":
            assert not allowed(chosen, verb, what, namespace)
        else:
            assert allowed(chosen, verb, what, "bank")
            assert not allowed(chosen, verb, what, "shop")
            assert not allowed(chosen, verb, what, "")


def _restricted(server: ApiServer) -> str:
    name = "restricted"
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    server.request(
        "PATCH",
        f"/api/v1/namespaces/{name}?fieldManager=tests",
        namespace,
        content_type="application/apply-patch+yaml",
    )
    return f"/api/v1/namespaces/{name}/pods?dryRun=All&fieldValidation=Strict"


def _pod(kubernetes: Programs) -> Any:
    template = one(kubernetes.template(), "Deployment")["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", **deepcopy(template), "metadata": {"name": "operator"}}


def test_the_operators_pods_are_admitted_where_pod_security_is_restricted(kubernetes: Programs) -> None:
    assert kubernetes.server is not None
    assert kubernetes.server.request("POST", _restricted(kubernetes.server), _pod(kubernetes))


@pytest.mark.parametrize("part", ["runAsNonRoot", "seccompProfile"])
def test_without_its_security_context_such_a_pod_would_be_refused(kubernetes: Programs, part: str) -> None:
    assert kubernetes.server is not None
    pod = _pod(kubernetes)
    del pod["spec"]["securityContext"][part]
    with pytest.raises(RefusedError, match="violates PodSecurity"):
        kubernetes.server.request("POST", _restricted(kubernetes.server), pod)


def test_the_operators_root_filesystem_is_read_only_and_it_runs_as_65532(kubernetes: Programs) -> None:
    spec = _pod(kubernetes)["spec"]
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 65532
    assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in spec["containers"])
