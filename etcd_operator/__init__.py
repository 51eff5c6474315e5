"""Runs etcd clusters on Kubernetes the way an expert would."""
