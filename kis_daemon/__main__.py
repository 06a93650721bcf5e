"""The same front door as `main.py`: `python -m kis_daemon --mode trade`."""

import sys

from kis_daemon.app.cli import main

sys.exit(main())
