"""What is there: Kubernetes and etcd, read into one frozen snapshot. Reads everything, decides nothing."""
