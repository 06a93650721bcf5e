"""The report of a run: one page that is read offline, and its figures as files.

Rules of this room
    Only a command imports it, never the daemon: plotly is an extra, and is imported when a report is written.
    A figure is a plain dict as plotly's script takes it; nothing is drawn in Python.
    The page asks nobody: script, style and data stand in it, and its own policy forbids the rest.
    Where there is nothing to divide by stands "-". What a figure leaves out is said on the page, not in a manual.
"""
