"""Databases: one table (`table`), its making and changing (`schema`), and a sink for each database."""
