"""What must hold on a real Kubernetes, one sentence each."""
