"""CAPTURE: a log call becomes a record in the spool.

In comes what an application says to `logging`; out goes a frame in this process's spool. Never here: writing to a
sink, waiting for one, or raising what the application did not ask for.
"""
