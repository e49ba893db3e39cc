"""Make sure that headless Chromium is here for the tests that draw pages; say what to install when it is not."""

import os
import shutil
import subprocess
import sys

COMMAND = "chromium"
INSTALL = (("apt-get", "update"), ("apt-get", "install", "-y", "--no-install-recommends", "chromium"))


def main() -> int:
    """Return 0 when Chromium is on PATH, after installing it where that is possible; else 1 with one line."""
    if shutil.which(COMMAND):
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return lacking("install the package 'chromium' (Debian, Ubuntu: sudo apt-get install chromium)")
    print("installing chromium for the tests that draw pages (once)", file=sys.stderr)
    for command in INSTALL:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            return lacking(f"'{' '.join(command)}' failed: {last}")
    return 0 if shutil.which(COMMAND) else lacking("apt-get installed it, but it is not on PATH")


def lacking(what: str) -> int:
    """Say on stderr what is to be done."""
    print(f"error: Chromium is needed for 'make test': {what}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
