"""From a fresh clone to a working cluster in one command: what a newcomer sees first."""
