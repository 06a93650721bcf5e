"""A trading daemon for Korean equities on the KIS Open API.

This front door imports nothing, so that reading the version costs nothing and can make no circle.
"""

__version__ = "0.1.0"
