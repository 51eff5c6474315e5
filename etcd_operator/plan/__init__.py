"""What to do next: Observation in, Plan out. Pure: no I/O, no clock, no randomness of its own."""
