"""The front door: `python main.py --mode trade`, `python main.py --help`."""

import sys

from kis_daemon.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
