"""DELIVER: whatever is written by Python is run here; files and consoles are the core's.

A `Loop` hands one process's records to a sink of its own. A `Sender` hands a whole folder's to a database that all its
processes share: one of them delivers, whichever holds the sink's lock.
"""
