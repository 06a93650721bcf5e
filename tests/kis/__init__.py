"""Tests of the KIS room: its wire by the book and by recordings, its manners over real sockets."""
