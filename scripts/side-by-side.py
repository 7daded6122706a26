#!/usr/bin/env python3
"""tracetui beside the tools one would use instead, on the same generated spans.

    scripts/side-by-side.py                     # 100,000 spans, a minute
    scripts/side-by-side.py --spans 1000000     # the table of the README
    scripts/side-by-side.py --spans 10000000 --only screen

Whole commands, in turn, so that a busy machine slows all; medians of the rounds. Processor time is user and system
time of all threads. Peers that aren't installed are left out; DuckDB may be the Python module. Totals that can be
compared are compared. Needs Python 3.9 and Linux. The files stay in --folder, and are used again next time.
"""

import argparse
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import Terminal, median, note, run, table

ROOT = Path(__file__).resolve().parent.parent
# The newest run of each file: one span with a name of its own, so that it can be seen on a screen.
MARK = "zz-newest-run"
NEWEST = ("ffffffff-0000-4000-8000-000000000001", "2026-06-01T08:00:00.000000Z", "2026-06-01T08:00:01.000000Z")
LNAV_FORMAT = {
    "$schema": "https://lnav.org/schemas/format-v1.schema.json",
    "spans": {
        "title": "Spans",
        "description": "A JSON object per span",
        "file-type": "json",
        "timestamp-field": "started_at",
        "hide-extra": True,
        "line-format": [{"field": "__timestamp__"}, " ", {"field": "name"}],
        "value": {
            "name": {"kind": "string"},
            "span_type": {"kind": "string"},
            "attributes/model": {"kind": "string"},
            "attributes/promptTokens": {"kind": "integer"},
            "attributes/completionTokens": {"kind": "integer"},
        },
    },
}
JQ = (
    "reduce (inputs | .attributes | select(.model)) as $a ({}; .[$a.model] |= "
    "[(.[0] // 0) + 1, (.[1] // 0) + ($a.promptTokens // 0), (.[2] // 0) + ($a.completionTokens // 0)])"
)
SQLITE = (
    "SELECT json_extract(attributes, '$.model') AS m, count(*), sum(json_extract(attributes, '$.promptTokens')), "
    "sum(json_extract(attributes, '$.completionTokens')) FROM execution_spans WHERE m IS NOT NULL GROUP BY m"
)
LNAV = (
    ';SELECT "attributes/model" AS m, count(*) AS n, sum("attributes/promptTokens") AS i, '
    'sum("attributes/completionTokens") AS o FROM spans WHERE "attributes/model" IS NOT NULL GROUP BY 1'
)


def duckdb_sql(path):
    """Totals per model with typed columns, as lean as it can be asked for."""
    columns = "{attributes: 'STRUCT(model VARCHAR, promptTokens BIGINT, completionTokens BIGINT)'}"
    return (
        "SELECT attributes.model, count(*), sum(attributes.promptTokens), sum(attributes.completionTokens) FROM "
        f"read_json('{path}', format='newline_delimited', maximum_object_size=67108864, columns={columns}) "
        "WHERE attributes.model IS NOT NULL GROUP BY 1"
    )


def of_report(out):
    return {
        group["key"]: (group["spans"], group["tokens"]["input"], group["tokens"]["output"])
        for group in json.loads(out)["groups"]
        if group["key"]
    }


def of_rows(rows):
    return {row[0]: tuple(int(cell or 0) for cell in row[1:4]) for row in rows if len(row) >= 4}


def of_csv(out, delimiter=",", head=True):
    rows = list(csv.reader(io.StringIO(out.decode()), delimiter=delimiter))
    return of_rows([["" if cell == "<NULL>" else cell for cell in row] for row in rows[1 if head else 0 :]])


def of_json(out):
    return {model: tuple(sums) for model, sums in json.loads(out).items()}


def make(tracetui, spans, kind, folder):
    """A file of the demo's generator with the newest run at its end."""
    path = folder / f"spans-{spans}.{kind}"
    if path.exists():
        return path
    note(f"writing {path}")
    part = path.with_name(f"part-{path.name}")
    part.unlink(missing_ok=True)
    subprocess.run([tracetui, "demo", str(part), "--spans", str(spans), "--seed", "42"], check=True)
    ident, start, end = NEWEST
    if kind == "ndjson":
        span = {"trace_id": ident, "span_id": ident, "parent_span_id": None, "name": MARK}
        span |= {"span_type": "workflow_run", "started_at": start, "ended_at": end, "status": "completed"}
        with open(part, "a", encoding="utf-8") as file:
            file.write(json.dumps(span) + "\n")
    else:
        database = sqlite3.connect(part)
        with database:
            database.execute(
                "INSERT INTO execution_spans(trace_id, span_id, name, span_type, started_at, ended_at, status, created_at, updated_at) "
                "VALUES (?, ?, ?, 'workflow_run', ?, ?, 'completed', ?, ?)",
                (ident, ident, MARK, start, end, end, end),
            )
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
    part.rename(path)
    return path


def peers_of_totals(tracetui, log, store, env):
    """Name, command, how to read its totals (None for floors), and the environment."""
    plain = env["plain"]
    all_peers = [("tracetui report", [tracetui, "report", log, "--by", "model", "--json"], of_report, plain)]
    if shutil.which("duckdb"):
        for name, threads in [("DuckDB, 1 thread", "SET threads=1; "), ("DuckDB", "")]:
            command = ["duckdb", "-csv", "-c", threads + duckdb_sql(log)]
            all_peers.append((name, command, of_csv, plain))
    elif subprocess.run([sys.executable, "-c", "import duckdb"], capture_output=True).returncode == 0:
        code = "import duckdb, json; duckdb.sql({0!r}); rows = duckdb.sql({1!r}).fetchall(); "
        code += "print(json.dumps({{row[0]: [row[1], row[2] or 0, row[3] or 0] for row in rows}}))"
        for name, threads in [("DuckDB (Python module), 1 thread", "SET threads=1"), ("DuckDB (Python module)", "")]:
            command = [sys.executable, "-c", code.format(threads or "SELECT 1", duckdb_sql(log))]
            all_peers.append((name, command, of_json, plain))
    if shutil.which("jq"):
        all_peers.append(("jq", ["jq", "-nc", JQ, log], of_json, plain))
    if shutil.which("lnav"):
        command = ["lnav", "-n", "-c", LNAV, "-c", ":write-csv-to -", log]
        all_peers.append(("lnav -n", command, of_csv, env["lnav"]))
    floors = [("wc -l", ["wc", "-l", log]), ("grep -c", ["grep", "-c", "model_generation", log])]
    all_peers += [(name, command, None, plain) for name, command in floors if shutil.which(command[0])]
    sql = [("tracetui report", [tracetui, "report", store, "--by", "model", "--json"], of_report, plain)]
    if shutil.which("sqlite3"):
        command = ["sqlite3", "-readonly", "-csv", store, SQLITE]
        sql.append(("sqlite3, json_extract", command, lambda out: of_csv(out, head=False), plain))
        command = ["sqlite3", "-readonly", store, "SELECT sum(length(started_at)) FROM execution_spans"]
        sql.append(("sqlite3, one column", command, None, plain))
    return all_peers, sql


def totals(title, peers, rounds):
    """Runs the peers in turn and prints their medians beside the first one's."""
    costs, answers, slow = {peer[0]: [] for peer in peers}, {}, set()
    for at in range(rounds):
        for name, command, parse, env in peers:
            # What takes ten times as long as everything else isn't measured more often than it has to be.
            if name in slow and at >= 3:
                continue
            note(f"round {at + 1}/{rounds}: {name}")
            cost = run([str(part) for part in command], env)
            costs[name].append(cost)
            if cost.wall > 8:
                slow.add(name)
            if parse:
                answers[name] = parse(cost.out)
    ours = peers[0][0]
    for name, answer in answers.items():
        if answer != answers[ours]:
            note(f"TOTALS DIFFER: {name}: {answer} {ours}: {answers[ours]}")
    base = median([cost.cpu for cost in costs[ours]])
    rows = []
    for name, runs in costs.items():
        cpu, wall = median([cost.cpu for cost in runs]), median([cost.wall for cost in runs])
        rss = max(cost.rss for cost in runs)
        same = {True: "yes", False: "NO"}[answers[name] == answers[ours]] if name in answers else ""
        rows.append(
            [name, f"{cpu:.2f}", f"{cpu / base:.2f}", f"{wall:.2f}", f"{rss / 2**20:.0f}", same],
        )
    table([title, "CPU s", "× ours", "wall s", "peak MB", "same totals"], rows)


def screens(title, peers, rounds, patience):
    """From starting a program until the newest span's name stands in the terminal."""
    seen = {peer[0]: [] for peer in peers}
    given_up = set()
    for at in range(rounds):
        for name, command, env in peers:
            if name in given_up:
                continue
            note(f"round {at + 1}/{rounds}: screen of {name}")
            terminal = Terminal([str(part) for part in command], env=env)
            took = terminal.wait_for(MARK, patience)
            cpu, rss = terminal.kill()
            if took is None or took > patience / 4:
                given_up.add(name)
            seen[name].append((took, cpu, rss))
            time.sleep(0.1)
    ours = peers[0][0]
    base = median([took for took, _, _ in seen[ours] if took is not None] or [float("nan")])
    rows = []
    for name, runs in seen.items():
        walls = [took for took, _, _ in runs if took is not None]
        if not walls:
            rows.append([name, f"not in {patience} s", "", f"{median([r[1] for r in runs]) * 1e3:.0f}", ""])
            continue
        wall, cpu = median(walls), median([cpu for _, cpu, _ in runs])
        rss = max(rss for _, _, rss in runs)
        rows.append(
            [name, f"{wall * 1e3:.1f}", f"{wall / base:.2f}", f"{cpu * 1e3:.1f}", f"{rss / 2**20:.0f}"]
        )
    table([title, "wall ms", "× ours", "CPU ms until then", "peak MB"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, action="append", help="default 100000; may be given again for the screens")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["totals", "sqlite", "screen"], action="append")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tracetui-side-by-side")
    parser.add_argument("--tracetui", type=Path, default=ROOT / "target/release/tracetui")
    parser.add_argument("--patience", type=float, default=60, help="seconds a first screen may take")
    options = parser.parse_args()
    if not options.tracetui.exists():
        sys.exit(f"{options.tracetui} is not there: cargo build --release")
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = options.only or ["totals", "sqlite", "screen"]
    with tempfile.TemporaryDirectory() as home:
        formats = Path(home) / ".config/lnav/formats/installed"
        formats.mkdir(parents=True)
        (formats / "spans.json").write_text(json.dumps(LNAV_FORMAT))
        plain = {**os.environ, "XDG_CONFIG_HOME": f"{home}/none", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        lnav = {**plain, "HOME": home, "XDG_CONFIG_HOME": f"{home}/.config"}
        for spans in options.spans or [100_000]:
            kinds = {"ndjson"} | ({"db"} if {"sqlite", "screen"} & set(wanted) and spans <= 2_000_000 else set())
            files = {kind: make(options.tracetui, spans, kind, options.folder) for kind in kinds}
            log, store = files["ndjson"], files.get("db")
            warm(files.values())
            peers, sql = peers_of_totals(options.tracetui, log, store, {"plain": plain, "lnav": lnav})
            what = f"{spans:,} spans"
            if "totals" in wanted:
                megabytes = log.stat().st_size / 1e6
                totals(f"totals per model, NDJSON, {what}, {megabytes:,.0f} MB", peers, options.rounds)
            if "sqlite" in wanted and store:
                megabytes = store.stat().st_size / 1e6
                totals(f"totals per model, SQLite, {what}, {megabytes:,.0f} MB", sql, options.rounds)
            if "screen" in wanted:
                screens_of = [("tracetui watch", [options.tracetui, "watch", log], plain)]
                for name, command, env in [
                    ("less +G", ["less", "+G", log], plain),
                    ("tail -n 60", ["tail", "-n", "60", log], plain),
                    ("lnav", ["lnav", log], lnav),
                ]:
                    if shutil.which(command[0]):
                        screens_of.append((name, command, env))
                if store:
                    screens_of.insert(1, ("tracetui watch, SQLite", [options.tracetui, "watch", store], plain))
                screens(f"first screen, 200x60, {what}", screens_of, max(options.rounds, 9), options.patience)


def warm(paths):
    """Reads the files once, so that all find them in memory."""
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 22):
                pass


if __name__ == "__main__":
    main()
