"""ANALYSE: what a log says as a whole.

In come log files, read by the core; out goes an account: counts, patterns, errors by fingerprint, known issues, what is
new.
Nothing here prints: `cordwood.views` shows it.
"""
