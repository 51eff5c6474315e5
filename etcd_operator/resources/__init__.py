"""Pure builders of every Kubernetes object that makes up a cluster: values in, JSON out, no I/O, clock or randomness.

from etcd_operator.resources.names import …
Identity(name, namespace, uid)        # of the EtcdCluster; properties: client_service, client_secret, operator_secret,
                                      # peer_ca_secret, client_ca_secret, disruption_budget (names of fixed objects)
member_name(identity, suffix) -> str  # suffix: SUFFIX_LENGTH characters of SUFFIX_ALPHABET, drawn by the caller
member_host(identity, member) -> str                 # <member>.<namespace>.svc
peer_url(identity, member, tls: TLS) -> str          client_url(identity, member, tls: TLS) -> str
cluster_endpoint(identity, tls: TLS) -> str          # what applications connect to: the client Service
server_names(identity, member) -> tuple[str, ...]    # SANs of the certificate on the client port
peer_names(identity, member) -> tuple[str, ...]      # SANs of the certificate on the peer port
initial_cluster(identity, members: Iterable[str], tls: TLS) -> str    # `a=https://…:2380,b=…`: the permission
WITHDRAWN                             # the `initial-cluster` that names nobody: the permission taken back
CLIENT_PORT, PEER_PORT, METRICS_PORT

from etcd_operator.resources.ownership import …
CLUSTER, CLUSTER_UID, MEMBER, ROLE, VOTER, DISMISSED  # keys (and a value) of labels and annotations
cluster_labels(identity)   member_labels(identity, member)   owner_reference(identity)
voter_label() -> dict[str, str]       # what the operator adds to the Pod of a member that may take clients
dismissal(at) -> Json                 # what takes it out of their way again, before the member leaves
voter_selector(identity) -> dict[str, str]           # the Pods that have it
metadata(identity, name, labels) -> Json             # of an object that goes with its EtcdCluster

from etcd_operator.resources.services import client_service, member_service
client_service(identity)              member_service(identity, member)

from etcd_operator.resources.claim import member_claim
member_claim(identity, member, storage: Storage)

from etcd_operator.resources.budget import budget_selector, disruption_budget
disruption_budget(identity, *, voters: int)           budget_selector(identity)

from etcd_operator.resources.secret import …
secret(identity, name, data: Mapping[str, bytes], *, labels: dict[str, str])
PEER_CERTIFICATE, PEER_KEY, PEER_CA, SERVER_CERTIFICATE, SERVER_KEY, CLIENT_CA, INITIAL_CLUSTER   # keys, member's
CA_BUNDLE, CERTIFICATE, KEY, ENDPOINTS                                                 # keys of the others

from etcd_operator.resources.pod import …
FirstStart(state: ClusterState.NEW | ClusterState.EXISTING) | Restart()
StartCheckImage(reference, pull_policy, pull_secrets: tuple[str, ...])
member_pod(identity, spec: ClusterSpec, member, *, start: FirstStart | Restart, gate: StartCheckImage)
ETCD_CONTAINER, VERSION_CONTAINER, START_CHECK_CONTAINER, START_COMMAND, start_command(member), image(spec)

from etcd_operator.resources.settings import MADE_FROM, made_from, changed_since
changed_since(annotation: str, spec) -> tuple[str, ...]   # the settings that a Pod with this MADE_FROM has otherwise

from etcd_operator.startcheck import ExitCode, verdict_of
ExitCode.DATA_LOST == 65              verdict_of(termination_message: str) -> Verdict | None
Verdict(code: ExitCode, message)      # the sentence for a person
"""
