"""The sandbox that is driven: one that runs already, or one of our own on a free port."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[3] / "target/debug/farmgate"
STOP_SECONDS_MAX = 20


@contextmanager
def sandbox():
    """Its URL."""
    running = os.environ.get("FARMGATE_SANDBOX_URL")
    if running:
        yield running
        return
    program = os.environ.get("FARMGATE_PROGRAM", str(PROGRAM))
    flags = ["sandbox", "--listen", "127.0.0.1:0", "--ledger-ms", "20"]
    with subprocess.Popen([program, *flags], stdout=subprocess.PIPE, text=True, env={}) as child:
        try:
            url = child.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"{program} left with {child.wait(STOP_SECONDS_MAX)}")
            yield url
        finally:
            child.terminate()
            child.wait(STOP_SECONDS_MAX)
