#!/usr/bin/env python3
"""What watching a SQLite store costs the program that writes it.

    scripts/writer-harm.py target/release/tracetui [--rounds 5] [--commits 2000] [--gap-us 2000]

Rounds alternate between a writer that is alone and one whose store is watched in a pseudo-terminal. Prints medians of
the rounds' commit times and their ratios and the largest write-ahead log.
Where the machine has more than one core the writer is kept on one and the watcher on the others.
"""
import argparse
import fcntl
import os
import pty
import signal
import sqlite3
import statistics
import struct
import tempfile
import termios
import threading
import time

SCHEMA = (
    "create table execution_spans(trace_id text, span_id text primary key, parent_span_id text, name text,"
    " span_type text, started_at text, ended_at text, status text, attributes text)"
)
INDEXES = ["trace_id, started_at", "span_type, started_at", "status, started_at", "started_at"]
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(cores):
    if len(CORES) > 1:
        os.sched_setaffinity(0, cores)


def watch(program, path):
    pid, screen = pty.fork()
    if pid == 0:
        pin(CORES[1:])
        os.environ["TERM"] = "xterm-256color"
        os.execv(program, [program, "watch", path])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))

    def drain():
        try:
            while os.read(screen, 1 << 16):
                pass
        except OSError:
            pass

    threading.Thread(target=drain, daemon=True).start()
    time.sleep(0.7)
    return pid




def one_round(program, commits, gap):
    """Sorted commit times in seconds, and the largest log."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "run.db")
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("pragma journal_mode=wal")
        writer.execute("pragma synchronous=normal")
        writer.execute(SCHEMA)
        for at, columns in enumerate(INDEXES):
            writer.execute(f"create index i{at} on execution_spans({columns})")
        pid = program and watch(program, path)
        times, log = [], 0
        attributes = '{"note":"%s"}' % ("y" * 400)
        for at in range(commits):
            row = (f"t{at // 20}", f"s{at}", None, "x", "step", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z",
                   "completed", attributes)
            began = time.perf_counter()
            writer.execute("insert into execution_spans values(?,?,?,?,?,?,?,?,?)", row)
            times.append(time.perf_counter() - began)
            time.sleep(gap)
            if at % 50 == 0:
                log = max(log, os.path.getsize(path + "-wal"))
        if pid:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        writer.close()
    return sorted(times), log


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--gap-us", type=int, default=2000)
    options = parser.parse_args()
    pin(CORES[:1])
    program = os.path.abspath(options.program)
    rounds = {None: [], program: []}
    for _ in range(options.rounds):
        for who in rounds:
            rounds[who].append(one_round(who, options.commits, options.gap_us / 1e6))

    def median(who, share):
        return statistics.median(times[int(len(times) * share)] for times, _ in rounds[who])

    for name, share in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]:
        alone, watched = median(None, share), median(program, share)
        print(f"commit {name}  alone {alone * 1e6:7.1f} us  watched {watched * 1e6:7.1f} us  ratio {watched / alone:.2f}")
    alone, watched = (max(log for _, log in rounds[who]) for who in rounds)
    print(f"largest log  alone {alone >> 10} KiB  watched {watched >> 10} KiB  ratio {watched / alone:.2f}")


if __name__ == "__main__":
    main()
