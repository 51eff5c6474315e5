"""Observation and plan → what a person reads. Pure; says nothing that was not observed."""
