"""Measures what the operator promises, against a baseline in the same run on the same cluster."""
