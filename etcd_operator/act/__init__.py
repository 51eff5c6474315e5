"""Carries out what was planned: thin, one small function per kind of step, and no decision of its own."""
