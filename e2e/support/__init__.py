"""What scenarios, benchmarks and the demo share: the operator installed, clusters made, waits, and etcd asked."""
