"""The clients, and how they are run and measured."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from surroundings import LITERAL, REALM, SBIN, USER, complain

FOLDER = Path(__file__).resolve().parent

FLOOR, MONGOC, PYMONGO, OURS, OURS_NO_PING, FLOOR_NO_PING, PIPELINED, FLOOR_MEMORY, APART = (
    "C floor", "libmongoc", "PyMongo", "ours", "ours, no ping", "C floor, no ping", "ours, pipelined",
    "C floor, cache in memory", "libmongoc, no pool")
IN_MEMORY = ["env", "FLOOR_CACHE=memory"]


class Clients:
    def __init__(self, surroundings, arguments):
        self.surroundings = surroundings
        self.arguments = arguments
        self.ours = arguments.scratch_path / "release/AuthenticationBenchmark"
        if not self.ours.exists():
            self.ours = next(arguments.scratch_path.glob("*/release/AuthenticationBenchmark"))

    def command(self, client, mode, host, count, port=None):
        port = str(port or self.surroundings.port)
        uri = (f"mongodb://{USER}%40{REALM}@{host}:{port}/?authMechanism=GSSAPI&authSource=%24external"
               "&directConnection=true")
        peers, principal = self.surroundings.peers, f"{USER}@{REALM}"
        return {
            FLOOR: [peers / "floor", mode, host, port, str(count), principal, REALM],
            FLOOR_MEMORY: [*IN_MEMORY, peers / "floor", mode, host, port, str(count), principal, REALM],
            FLOOR_NO_PING: [peers / "floor", mode, host, port, str(count), principal, REALM, "noping"],
            MONGOC: [peers / "libmongoc", mode, uri, str(count)],
            APART: [peers / "libmongoc", "apart", uri, str(count)],
            PYMONGO: [self.arguments.python, FOLDER / "Peers/pymongo_client.py", mode, uri, str(count)],
            OURS: [self.ours, mode, uri, str(count)],
            OURS_NO_PING: [self.ours, mode, uri, str(count), "noping"],
            PIPELINED: [self.ours, mode, uri, str(count), "pipelined"],
        }[client]

    def memory(self, client, count):
        tail = [LITERAL, REALM, f"{USER}@{REALM}", str(self.surroundings.keytab)]
        floor = self.surroundings.peers / "floor"
        program = {FLOOR: [floor], FLOOR_MEMORY: [*IN_MEMORY, floor], OURS: [self.ours]}[client]
        return [*program, "memory", str(count), *tail]

    def run(self, command):
        """The lines of JSON that a client printed; empty if the client does not support this."""
        environment = {**os.environ, **self.surroundings.environment(), **self.surroundings.cold_cache()}
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        if outcome.returncode:
            complain(f"{' '.join(map(str, command))}\n{outcome.stderr[-2000:]}")
        lines = [json.loads(line) for line in outcome.stdout.splitlines()]
        return [line for line in lines if "unsupported" not in line]

    def counted(self, tool, parse, command_for, few, many):
        """What each authentication adds to a counter: the difference of two runs, so that start-up does not count."""
        environment = {**SBIN, **self.surroundings.environment(), **self.surroundings.cold_cache()}
        totals = []
        for count in (few, many):
            with tempfile.NamedTemporaryFile("r") as output:
                outcome = subprocess.run(
                    [*tool, "-o", output.name, *command_for(count)], env=environment, capture_output=True, text=True)
                if outcome.returncode:
                    return None
                totals.append(parse(output.read()))
        return None if None in totals else (totals[1] - totals[0]) / (many - few)

    def system_calls(self, command_for, few=10, many=40):
        def total(text):
            lines = [line.split() for line in text.splitlines() if line.endswith(" total")]
            return int(lines[-1][3]) if lines else None

        return self.counted(["strace", "-c", "-f"], total, command_for, few, many)

    def instructions(self, command_for, few=50, many=250):
        def total(text):
            numbers = [line.split(",")[0] for line in text.splitlines() if "instructions" in line]
            return int(numbers[0]) if numbers and numbers[0].isdigit() else None

        if not shutil.which("perf", path=SBIN["PATH"]):
            return None
        return self.counted(["perf", "stat", "-x,", "-e", "instructions:u"], total, command_for, few, many)


# --- Figures ----------------------------------------------------------------------------------------------------------

def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def take_turns(clients, names, command_for, rounds):
    """The figures of each client's turns. Each round begins with another client."""
    turns = {name: [] for name in names}
    for index in range(rounds):
        shift = index % len(names)
        for name in names[shift:] + names[:shift]:
            before = clients.surroundings.tickets_asked_for()
            lines = clients.run(command_for(name))
            if lines:
                line = lines[0]
                line["tickets"] = clients.surroundings.tickets_asked_for() - before
                turns[name].append(line)
    return {name: lines for name, lines in turns.items() if lines}


def figures(turns):
    """What the tables show for each turn: values for one authentication, in microseconds."""
    return {name: [{
        "median": statistics.median(line["latencies"]), "p99": percentile(line["latencies"], 0.99),
        "most": max(line["latencies"]), "wall": line["wall"], "cpu": line["cpu"] / line["count"] * 1e6,
        "switches": line["switches"] / line["count"], "resident": line["resident_kib"] / line["count"],
        "failed": line["failed"], "tickets": line["tickets"], "peak": line["peak_kib"],
    } for line in lines] for name, lines in turns.items()}


def middle(all_figures, name, key):
    return statistics.median(turn[key] for turn in all_figures[name])


def ratio(all_figures, name, peer, key):
    """The median of the rounds' ratios; `None` if one of the two was not measured."""
    if name == peer or name not in all_figures or peer not in all_figures:
        return None
    return statistics.median(a[key] / b[key] for a, b in zip(all_figures[name], all_figures[peer]) if b[key])


def text(value, digits=0, unit=""):
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def print_table(title, heads, rows):
    print(f"\n### {title}\n")
    print("| " + " | ".join(heads) + " |")
    print("|---" + "|--:" * (len(heads) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()
