"""READ BACK: lines of log files become entries with a time.

In come bytes and lines of text or JSON, of Cordwood or anyone; out go entries. Nothing here writes.
"""
