"""Breaks a cluster at random for a given time while applications use it, and proves that they were never lied to."""
