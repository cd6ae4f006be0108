"""JOIN: frameworks and interpreters that Cordwood meets, one file each, imported only by who uses it.

In comes what a framework tells; out go ordinary records and context fields. Nothing here needs more than the framework
itself, which is never imported before its file is.
"""
