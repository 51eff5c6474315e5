"""The port to Kubernetes: the one place that talks to the API server."""
