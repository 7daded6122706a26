"""What the measuring scripts share: the cost of a command, and a command in a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][0-9A-B]|[=>78])")


def peak_memory(pid):
    """The most memory a running process ever held, bytes; None once it is over."""
    return memory(pid, "VmHWM")


def memory(pid, what="RssAnon"):
    """A line of /proc/PID/status in bytes; None once the process is over."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(what + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def processor_time(pid):
    """Seconds of processor time that a running process took, all its threads together."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return total / 1e9


class Cost:
    """What one run of a command took."""

    def __init__(self, cpu, wall, rss, out):
        self.cpu, self.wall, self.rss, self.out = cpu, wall, rss, out


def run(command, env=None):
    """Runs a command to its end. Its memory is looked at while it runs: what the system reports afterwards includes
    the memory of the process that started it."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env
    )
    rss, out = 0, b""
    os.set_blocking(process.stdout.fileno(), False)
    while True:
        ready, _, _ = select.select([process.stdout], [], [], 0.005)
        rss = peak_memory(process.pid) or rss
        if ready:
            chunk = process.stdout.read(1 << 20)
            if chunk == b"":
                break
            out += chunk or b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)[:200]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, rss, out)


def median(values):
    """The median."""
    return statistics.median(values)


def table(head, rows):
    """Prints a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if at == 0 else "---:" for at in range(len(head))) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def note(text):
    """Says something on standard error."""
    print(text, file=sys.stderr, flush=True)


class Terminal:
    """A command in a pseudo-terminal. What it writes is collected with its escape sequences taken out."""

    def __init__(self, command, columns=200, rows=60, env=None):
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env or {})
            os.environ["TERM"] = "xterm-256color"
            # The size has to stand before the program looks at it.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            try:
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        self.raw = bytearray()
        self.bytes = 0

    def read(self, wait):
        """Takes in what the program writes within a time. Returns whether there was anything."""
        ready, _, _ = select.select([self.fd], [], [], max(wait, 0))
        if not ready:
            return False
        try:
            chunk = os.read(self.fd, 1 << 16)
        except OSError:
            raise EOFError from None
        if not chunk:
            raise EOFError
        self.raw += chunk
        self.bytes += len(chunk)
        return True

    def forget(self):
        """Forgets what was written so far."""
        while self.read(0):
            pass
        self.raw.clear()

    def text(self):
        """What was written since it was forgotten last, without escape sequences."""
        return ESCAPES.sub(b"", bytes(self.raw)).decode("utf-8", "replace")

    def wait_for(self, wanted, patience):
        """Waits until a text was written; seconds it took, or None."""
        began, needle = time.perf_counter(), wanted.encode()
        while True:
            if needle in self.raw or (self.raw and wanted in self.text()):
                return time.perf_counter() - began
            left = patience - (time.perf_counter() - began)
            try:
                if left <= 0 or not self.read(left):
                    return None
            except EOFError:
                return None

    def settle(self, quiet, patience):
        """Waits until nothing was written for a time; seconds until the last write, or None while it goes on."""
        began = last = time.perf_counter()
        while time.perf_counter() - began < patience:
            if not self.read(quiet):
                return last - began
            last = time.perf_counter()
        return None

    def press(self, keys):
        """Types."""
        os.write(self.fd, keys)

    def kill(self):
        """Ends the program. What it cost: processor seconds and peak bytes."""
        cpu, rss = processor_time(self.pid), peak_memory(self.pid) or 0
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        return cpu, rss
