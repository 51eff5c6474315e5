#!/bin/bash
# Process 1 of a node: makes the container fit for a kubelet, then keeps the node's programs running.
# Environment: APISERVER (address), PATH with the programs. Files: /etc/node.
set -euo pipefail
set -f # commands are split at spaces, nothing more

prepare_mounts() {
  # Docker mounts these read-only in a container that is not privileged; it has the right to change that.
  local mounted
  for mounted in /sys $(find /sys/fs/cgroup -maxdepth 1 -type d) /proc/sys; do
    mount -o remount,bind,rw "$mounted" 2> /dev/null || echo "$mounted stays as it is"
  done
  mount --make-rshared /
}

# The kubelet's groups live under /node, so that freezing the container freezes them and nothing of the host is counted.
prepare_cgroups() {
  local controllers=/sys/fs/cgroup file process
  if [ -f "$controllers/cgroup.controllers" ]; then
    # A group with processes of its own cannot hand controllers down: move them aside first.
    mkdir -p "$controllers/init"
    while read -r process; do echo "$process" > "$controllers/init/cgroup.procs" || true; done < "$controllers/cgroup.procs"
    sed -e 's/[^ ]*/+&/g' "$controllers/cgroup.controllers" > "$controllers/cgroup.subtree_control"
    mkdir -p "$controllers/node"
    sed -e 's/[^ ]*/+&/g' "$controllers/node/cgroup.controllers" > "$controllers/node/cgroup.subtree_control"
    return
  fi
  find "$controllers" -mindepth 1 -maxdepth 1 -type d ! -name unified -exec mkdir -p {}/node \;
  for file in cpuset.cpus cpuset.mems; do
    cat "$controllers/cpuset/$file" > "$controllers/cpuset/node/$file"
  done
}

prepare_network() {
  local subnet machine
  sysctl -q -w net.ipv4.ip_forward=1
  # Two Pods on one bridge reach each other through a Service only if the firewall sees bridged packets.
  sysctl -q -w net.bridge.bridge-nf-call-iptables=1 || echo "no br_netfilter: modprobe it on the host"
  while read -r subnet machine; do ip route replace "$subnet" via "$machine"; done < /etc/node/routes
  iptables -t nat -C POSTROUTING -s "$PODS" ! -d "$PODS" -j MASQUERADE 2> /dev/null ||
    iptables -t nat -A POSTROUTING -s "$PODS" ! -d "$PODS" -j MASQUERADE
}

prepare_files() {
  mkdir -p /etc/cni/net.d /etc/containerd /var/log/node
  cp /etc/node/cni.conflist /etc/cni/net.d/10-pods.conflist
  cp /etc/node/containerd.toml /etc/containerd/config.toml
  [ -s /etc/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id
}

apiserver_listens() { (: < "/dev/tcp/$APISERVER/6443") 2> /dev/null; }

# keep <now|later> <name> <command>: a program that ends is started again.
keep() {
  # Sparing the programs their first failures makes the cluster ready seconds sooner; they do without, too.
  if [ "$1" = later ]; then
    until apiserver_listens || [ "$SECONDS" -gt 60 ]; do sleep 0.1; done
  fi
  while true; do
    $3 || true
    echo "$(date -Is) $2 ended: it is started again"
    sleep 0.5
  done > "/var/log/node/$2.log" 2>&1 < /dev/null
}

trap 'exit 0' TERM
prepare_mounts
prepare_cgroups
prepare_network
prepare_files
while read -r when name command; do keep "$when" "$name" "$command" & done < /etc/node/services
wait
