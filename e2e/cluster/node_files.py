"""Pure builders of every file that a node is configured with."""

import base64
import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from e2e.cluster.images import pause
from e2e.cluster.pki import Authority, Identity, signing_pair
from e2e.cluster.settings import Node, Settings

FILES = "/etc/node"  # where the node sees what is built here
ETCD = "http://127.0.0.1:12379"
# Kubernetes' own default is 50 s; a node's loss is what many scenarios wait for.
NODE_LOSS_NOTICED = "16s"


def kubeconfig(settings: Settings, authority: str, identity: Identity) -> str:
    """Return a kubeconfig that holds its certificates itself, so that the file can be copied."""

    def encoded(pem: str) -> str:
        return base64.b64encode(pem.encode()).decode()

    cluster = {"server": settings.apiserver, "certificate-authority-data": encoded(authority)}
    user = {"client-certificate-data": encoded(identity.certificate), "client-key-data": encoded(identity.key)}
    name = settings.name
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


def files(settings: Settings, node: Node, authority: Authority) -> Mapping[str, str]:
    """Return the files of one node: name in FILES, content."""

    def config_of(user: str, group: str | None = None) -> str:
        return kubeconfig(settings, authority.certificate, authority.issue(user, group=group))

    common = {
        "ca.crt": authority.certificate,
        "cni.conflist": cni(node),
        "containerd.toml": containerd(),
        "kubelet.json": kubelet(settings),
        "kubelet.kubeconfig": config_of(f"system:node:{node.name}", "system:nodes"),
        "proxy.kubeconfig": config_of("system:kube-proxy"),
        "routes": routes(settings, node),
        "services": services(settings, node),
    }
    if not node.control_plane:
        return common
    tokens = signing_pair()
    serving = authority.issue(
        "kube-apiserver",
        addresses=[node.address, settings.services[1], IPv4Address("127.0.0.1")],
        hosts=["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
    )
    to_kubelets = authority.issue("kube-apiserver-kubelet-client", group="system:masters")
    return common | {
        "apiserver.crt": serving.certificate,
        "apiserver.key": serving.key,
        "kubelet-client.crt": to_kubelets.certificate,
        "kubelet-client.key": to_kubelets.key,
        "tokens.pub": tokens.certificate,
        "tokens.key": tokens.key,
        "controller-manager.kubeconfig": config_of("system:kube-controller-manager"),
        "scheduler.kubeconfig": config_of("system:kube-scheduler"),
    }


def cni(node: Node) -> str:
    """Return the Pod network: a bridge with the node's own subnet; routes between nodes make it one network."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": str(node.pods)}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ipam}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _json({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]})


def containerd() -> str:
    """Return containerd's configuration; a node may not lower an OOM score, as it lacks CAP_SYS_RESOURCE."""
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause().ref}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
"""


def kubelet(settings: Settings) -> str:
    """Return the kubelet's configuration."""
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": "/node",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "clusterDNS": [str(settings.dns)],
            "clusterDomain": "cluster.local",
            "failSwapOn": False,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{FILES}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "serializeImagePulls": False,
            # Images that were imported cannot be pulled again, and the disk is the host's: never clean up by its fill.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        }
    )


def routes(settings: Settings, node: Node) -> str:
    """Return one line for each other node: its Pods' subnet and its address."""
    return "".join(f"{other.pods} {other.address}\n" for other in settings.nodes if other != node)


def services(settings: Settings, node: Node) -> str:
    """Return the programs that the node keeps running, one a line: when (`later`: with an apiserver), name, command."""
    lines = [("now", "containerd", "containerd --config /etc/containerd/config.toml")]
    if node.control_plane:
        lines += _control_plane(settings, node)
    kubelet_command = (
        f"kubelet --config={FILES}/kubelet.json --kubeconfig={FILES}/kubelet.kubeconfig "
        f"--hostname-override={node.name} --node-ip={node.address} "
        f"--node-labels=topology.kubernetes.io/zone={node.zone}"
    )
    proxy_command = (
        f"kube-proxy --kubeconfig={FILES}/proxy.kubeconfig --hostname-override={node.name} "
        f"--proxy-mode=iptables --cluster-cidr={settings.pods} --conntrack-max-per-core=0"
    )
    lines += [("later", "kubelet", kubelet_command), ("later", "kube-proxy", proxy_command)]
    return "".join(f"{when} {name} {command}\n" for when, name, command in lines)


def _control_plane(settings: Settings, node: Node) -> list[tuple[str, str, str]]:
    etcd = (
        f"etcd --data-dir=/var/lib/etcd --listen-client-urls={ETCD} --advertise-client-urls={ETCD} "
        "--listen-peer-urls=http://127.0.0.1:12380 --unsafe-no-fsync"
    )
    apiserver = (
        f"kube-apiserver --etcd-servers={ETCD} --advertise-address={node.address} --secure-port=6443 "
        f"--tls-cert-file={FILES}/apiserver.crt --tls-private-key-file={FILES}/apiserver.key "
        f"--client-ca-file={FILES}/ca.crt --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction "
        f"--kubelet-client-certificate={FILES}/kubelet-client.crt --kubelet-client-key={FILES}/kubelet-client.key "
        f"--kubelet-preferred-address-types=InternalIP --service-cluster-ip-range={settings.services} "
        "--service-account-issuer=https://kubernetes.default.svc --allow-privileged=true "
        f"--service-account-key-file={FILES}/tokens.pub --service-account-signing-key-file={FILES}/tokens.key"
    )
    controllers = (
        f"kube-controller-manager --kubeconfig={FILES}/controller-manager.kubeconfig --leader-elect=false "
        f"--use-service-account-credentials=true --root-ca-file={FILES}/ca.crt "
        f"--service-account-private-key-file={FILES}/tokens.key --node-monitor-grace-period={NODE_LOSS_NOTICED}"
    )
    scheduler = f"kube-scheduler --kubeconfig={FILES}/scheduler.kubeconfig --leader-elect=false"
    return [
        ("now", "etcd", etcd),
        ("now", "kube-apiserver", apiserver),
        ("later", "kube-controller-manager", controllers),
        ("later", "kube-scheduler", scheduler),
    ]


def _json(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"
