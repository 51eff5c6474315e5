"""The product on a real Kubernetes: end-to-end scenarios, benchmarks, the demo and the cluster under them."""
