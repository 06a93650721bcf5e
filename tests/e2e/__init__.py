"""Through the front door: real processes where a process matters, the same command line where it does not."""
