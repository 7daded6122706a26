#!/usr/bin/env python3
"""A fast writer, the real program in a real pseudo-terminal, keys pressed all the while.

    scripts/soak.py                                    # 30 s at 100,000 spans a second
    scripts/soak.py --rate 20000 --seconds 600 -- --max-memory 256M
    scripts/soak.py --live                             # each span twice: when it starts and when it ends

Prints per interval: spans written, spans on the screen, memory, processor time, frames' bytes, and how long keys took
until the screen answered. At the end it waits until every span is on the screen: nothing may be lost. What follows
`--` goes to `tracetui watch`. Made-up spans come from `tracetui demo`, in pieces while they are written, so that only
the followed log takes space (about 700 bytes a span). Needs Python 3.9 and Linux.
"""

import argparse
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import Terminal, memory, note, processor_time, table

ROOT = Path(__file__).resolve().parent.parent
PIECE = 50_000
COUNT = re.compile(r"([\d,]+) spans ")


class Writer(multiprocessing.Process):
    """Appends whole lines at a steady rate, in a process of its own: it must not hold up the clock of the keys."""

    def __init__(self, options, log, folder):
        super().__init__(daemon=False)
        self.options, self.log, self.folder = options, log, folder
        self.count = multiprocessing.Value("q", 0)
        self.lateness = multiprocessing.Value("d", 0.0)
        self.over = multiprocessing.Event()

    @property
    def written(self):
        return self.count.value

    @written.setter
    def written(self, value):
        self.count.value = value

    @property
    def late(self):
        return self.lateness.value

    @late.setter
    def late(self, value):
        self.lateness.value = value

    def piece(self, number):
        """Starts to write a piece into a file of its own; says which file and which process."""
        path = self.folder / f"piece-{number}.ndjson"
        command = [str(self.options.tracetui), "demo", str(path), "--spans", str(PIECE), "--seed", str(number + 1)]
        return path, subprocess.Popen(command)

    def run(self):
        options = self.options
        total = int(options.rate * options.seconds)
        pieces = [self.piece(0), self.piece(1)]
        pieces[0][1].wait()
        began, number = time.perf_counter(), 2
        with open(self.log, "ab", buffering=0) as log:
            while self.written < total:
                path, process = pieces.pop(0)
                process.wait()
                lines = path.read_bytes().splitlines(keepends=True)
                path.unlink()
                pieces.append(self.piece(number))
                number += 1
                if options.live:
                    lines = [line for end in lines for line in (started(end), end)]
                # A hundred writes a second or so, as from a program that flushes often.
                step = max(1, int(options.rate / 100)) * (2 if options.live else 1)
                for at in range(0, len(lines), step):
                    part = lines[at : at + step]
                    log.write(b"".join(part))
                    self.written += len(part) // (2 if options.live else 1)
                    due = began + self.written / options.rate
                    wait = due - time.perf_counter()
                    self.late = max(self.late, -wait)
                    if wait > 0:
                        time.sleep(wait)
                    if self.written >= total:
                        break
        for path, process in pieces:
            process.wait()
            path.unlink(missing_ok=True)
        self.over.set()


def started(line):
    """The record that a writer makes when the span of a record starts."""
    line = re.sub(rb'"ended_at":"[^"]*","duration_ms":\d+,', b"", line, count=1)
    return line.replace(b'"status":"completed"', b'"status":"started"', 1)


class Watcher:
    """The program on its screen."""

    def __init__(self, options, log):
        command = [str(options.tracetui), "watch", str(log), *options.arguments]
        self.terminal = Terminal(command, columns=220, rows=60, env={"XDG_CONFIG_HOME": "/nonexistent"})
        self.spans = 0
        self.header = ""

    def look(self, seconds):
        """Takes in what is written, and the number of spans in it. The header is drawn in pieces, so the number is
        known whole only after a full redraw."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.terminal.read(left)

    def key(self, keys, patience=10):
        """Seconds from a key to the first frame that follows it. ctrl-l is drawn whole, so its frame can be told from
        others."""
        terminal = self.terminal
        terminal.forget()
        began = time.perf_counter()
        terminal.press(keys)
        while time.perf_counter() - began < patience:
            terminal.read(0.05)
            # The whole screen again: its upper left corner, the program's name.
            if b" tracetui " in terminal.raw and b"\x1b[?2026l" in terminal.raw[terminal.raw.find(b" tracetui ") :]:
                took = time.perf_counter() - began
                text = terminal.text()
                found = COUNT.search(text[text.find(" tracetui ") :])
                if found:
                    self.spans = int(found[1].replace(",", ""))
                return took
        return None


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=100_000, help="spans a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--interval", type=float, default=2, help="seconds between two lines")
    parser.add_argument("--live", action="store_true", help="write each span at its start too")
    parser.add_argument("--folder", type=Path, help="where the log goes; a temporary folder by default")
    parser.add_argument("--tracetui", type=Path, default=ROOT / "target/release/tracetui")
    parser.add_argument("arguments", nargs="*", help="for tracetui watch")
    options = parser.parse_args()
    if not options.tracetui.exists():
        sys.exit(f"{options.tracetui} is not there: cargo build --release")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        log = folder / "run.ndjson"
        log.touch()
        sys.exit(soak(options, log, folder))


def soak(options, log, folder):
    writer = Writer(options, log, folder)
    writer.start()
    while writer.written == 0:
        time.sleep(0.01)
    watcher = Watcher(options, log)
    pid = watcher.terminal.pid
    watcher.look(0.3)
    began = time.perf_counter()
    rows, all_keys, spent, written_bytes = [], [], 0.0, 0
    # Moves in the list of runs, and each time asks for the whole screen: the answer to a key is what is measured.
    moves = [b"j", b"k", b"G", b"gg", b"\t", b"j", b"\t", b"F"]
    number = 0
    while True:
        keys, until = [], time.perf_counter() + options.interval
        while time.perf_counter() < until:
            took = watcher.key(moves[number % len(moves)] + b"\x0c")
            number += 1
            keys.append(10.0 if took is None else took)
            watcher.look(0.05)
        cpu = processor_time(pid)
        now = time.perf_counter() - began
        frames = watcher.terminal.bytes
        rows.append(
            [
                f"{now:.0f}",
                f"{writer.written:,}",
                f"{watcher.spans:,}",
                f"{(memory(pid) or 0) / 2**20:.0f}",
                f"{(cpu - spent) / options.interval:.2f}",
                f"{(frames - written_bytes) / options.interval / 1024:.0f}",
                f"{percentile(keys, 0.5) * 1e3:.1f}",
                f"{max(keys) * 1e3:.1f}",
            ]
        )
        note(" ".join(f"{cell:>12}" for cell in rows[-1]))
        spent, written_bytes = cpu, frames
        all_keys += keys
        done = writer.over.is_set() and watcher.spans >= writer.written
        if done or now > options.seconds * 2 + 60 or memory(pid) is None:
            break
    head = ["s", "written", "on screen", "anonymous MB", "cores", "kB/s to the terminal", "key p50 ms", "max ms"]
    table(head, rows)
    lost = writer.written - watcher.spans
    print(f"{writer.written:,} spans written at {options.rate:,.0f}/s, at most {writer.late:.1f} s late; {lost:,} not on the screen")
    print(
        f"{len(all_keys)} keys: p50 {percentile(all_keys, 0.5) * 1e3:.1f} ms, p99 {percentile(all_keys, 0.99) * 1e3:.1f} ms, "
        f"max {max(all_keys) * 1e3:.1f} ms"
    )
    watcher.terminal.kill()
    return 1 if lost > 0 else 0


if __name__ == "__main__":
    main()
