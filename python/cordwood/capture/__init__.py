"""CALL → RECORD: what a log call becomes before it is in the spool.

In come calls of `logging` and of `cordwood.get_logger`; out go records with fields, exception text and trace.
Nothing here writes, waits or raises into the application.
"""
