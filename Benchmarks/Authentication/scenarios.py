"""The scenarios, their tables, and the budgets."""

import statistics
import subprocess

from clients import (
    APART, FLOOR, FLOOR_MEMORY, FLOOR_NO_PING, MONGOC, OURS, OURS_NO_PING, PIPELINED, PYMONGO, figures, middle, percentile,
    print_table, ratio, take_turns, text)
from surroundings import DELAY, LITERAL, ONE_FAMILY, OTHER, QUICK_NAMES, SBIN, SILENT_NAMES, TWO_FAMILIES


class Benchmark:
    def __init__(self, clients, arguments):
        self.clients = clients
        self.arguments = arguments
        self.peers = [FLOOR, MONGOC] + ([] if arguments.without_pymongo else [PYMONGO])
        self.results = {}
        self.budgets = []

    def budget(self, what, limit, value, digits=2, unit="x"):
        if value is not None:
            met = "met" if value <= limit else f"missed by {(value / limit - 1) * 100:.0f}%"
            self.budgets.append([what, f"<= {text(limit, digits, unit)}", text(value, digits, unit), met])

    def counters(self, names, command_for):
        return {name: {
            "instructions": self.clients.instructions(lambda count: command_for(name, count)),
            "calls": self.clients.system_calls(lambda count: command_for(name, count)),
        } for name in names}

    def sequential(self):
        kinds = {"an address": LITERAL, "a name with A only (hosts file)": ONE_FAMILY,
                 "a name with A and AAAA (hosts file)": TWO_FAMILIES}
        for kind, host in kinds.items():
            names = self.peers + [OURS]
            if host == LITERAL:
                names += [FLOOR_MEMORY, FLOOR_NO_PING, OURS_NO_PING, PIPELINED]
            command_for = lambda name, count=self.arguments.count: self.clients.command(name, "sequential", host, count)
            measured = figures(take_turns(self.clients, names, command_for, self.arguments.rounds))
            counters = self.counters(measured, command_for)
            self.results[f"sequential, {kind}"] = {"turns": measured, "counters": counters}
            rows = []
            for name, counted in counters.items():
                no_ping = name in (FLOOR_NO_PING, OURS_NO_PING)
                floor = FLOOR_NO_PING if no_ping else FLOOR
                instructions, peers = counted["instructions"], counters[floor]["instructions"]
                rows.append([
                    name, text(middle(measured, name, "median")),
                    text(None if no_ping else ratio(measured, name, MONGOC, "median"), 2, "x"),
                    text(middle(measured, name, "cpu")), text(ratio(measured, name, floor, "cpu"), 2, "x"),
                    text(instructions and instructions / 1000),
                    text(instructions / peers if instructions and peers and name != floor else None, 2, "x"),
                    text(middle(measured, name, "switches"), 1), text(counted["calls"], 1),
                ])
            print_table(
                f"One after another, to {kind}",
                ["client", "median, µs", "to libmongoc", "CPU, µs", "to C floor", "user instructions, thousands",
                 "to C floor", "voluntary switches", "system calls"], rows)
            self.budget(f"wall time against libmongoc, {kind}", 0.85, ratio(measured, OURS, MONGOC, "median"))
            if host == LITERAL:
                self.budget("CPU against the C floor", 2.0, ratio(measured, OURS, FLOOR, "cpu"))
                self.budget("CPU against the C floor, both without ping", 2.0,
                            ratio(measured, OURS_NO_PING, FLOOR_NO_PING, "cpu"))
                self.budget("voluntary context switches, without ping", 10,
                            middle(measured, OURS_NO_PING, "switches"), 1, "")

    def concurrent(self):
        count = 200 if self.arguments.quick else 1000
        command_for = lambda name: self.clients.command(name, "concurrent", LITERAL, count)
        rounds = min(self.arguments.rounds, 5)
        names = self.peers + [APART, OURS, PIPELINED]
        measured = figures(take_turns(self.clients, names, command_for, rounds))
        self.results["concurrent"] = measured
        rows = [[
            name, text(middle(measured, name, "wall") * 1000), text(ratio(measured, name, MONGOC, "wall"), 2, "x"),
            text(middle(measured, name, "cpu")), text(max(turn["failed"] for turn in measured[name])),
            text(middle(measured, name, "tickets")), text(middle(measured, name, "median") / 1000),
            text(middle(measured, name, "p99") / 1000), text(middle(measured, name, "resident"), 1),
        ] for name in measured]
        print_table(
            f"{count:,} at once to one host, from a cold cache",
            ["client", "wall, ms", "to libmongoc", "CPU each, µs", "failed", "TGS requests", "median, ms", "p99, ms",
             "resident each, KiB"], rows)
        self.budget(f"{count:,} at once: wall time against libmongoc", 0.85, ratio(measured, OURS, MONGOC, "wall"))
        self.budget(f"{count:,} at once: TGS requests", 1, middle(measured, OURS, "tickets"), 0, "")
        self.budget(f"{count:,} at once: resident each", 48, middle(measured, OURS, "resident"), 1, " KiB")

    def memory(self):
        count = 500 if self.arguments.quick else 5000
        command_for = lambda name, count=count: self.clients.memory(name, count)
        measured = figures(take_turns(self.clients, [FLOOR, FLOOR_MEMORY, OURS], command_for, self.arguments.rounds))
        instructions = {name: self.clients.instructions(lambda n: command_for(name, n), 200, 2200) for name in measured}
        self.results["memory"] = {"turns": measured, "instructions": instructions}
        rows = [[
            name, text(middle(measured, name, "median"), 1), text(ratio(measured, name, FLOOR, "median"), 2, "x"),
            text(ratio(measured, name, FLOOR_MEMORY, "median"), 2, "x"),
            text(instructions[name] and instructions[name] / 1000),
        ] for name in measured]
        print_table(
            "The mechanism in memory",
            ["client", "client's steps, µs", "to C floor", "to C floor, cache in memory",
             "user instructions with the acceptor's, thousands"], rows)
        # Both keep the ticket in memory.
        self.budget("mechanism in memory against the same calls in C", 1.1, ratio(measured, OURS, FLOOR_MEMORY, "median"))

    def silent(self):
        few = 3 if self.arguments.quick else 20
        many = 100 if self.arguments.quick else 300
        names = self.peers + [OURS]
        one, crowd = {}, {}
        rounds = min(self.arguments.rounds, 5)
        for server in (QUICK_NAMES, SILENT_NAMES):
            self.clients.surroundings.ask_names(server)
            one[server] = figures(take_turns(
                self.clients, names, lambda name: self.clients.command(name, "sequential", ONE_FAMILY, few), rounds))
            # The floor's and libmongoc's thread start does not count: the time of one among many is compared.
            crowd[server] = figures(take_turns(
                self.clients, names, lambda name: self.clients.command(name, "concurrent", ONE_FAMILY, many), 1))
        self.clients.surroundings.ask_names(QUICK_NAMES)
        self.results["silent"] = {"one": one, "crowd": crowd}
        rows = []
        for name in names:
            row = [name]
            for server in (QUICK_NAMES, SILENT_NAMES):
                row += [text(middle(one[server], name, "median") / 1000, 1),
                        text(middle(crowd[server], name, "p99") / 1000), text(middle(crowd[server], name, "failed"))]
            rows.append(row)
        print_table(
            f"A silent name server, to a name with A only (hosts file); milliseconds, {many} at once",
            ["client", "fast: one", "p99 at once", "failed", "silent: one", "p99 at once", "failed"], rows)
        quick, silent = (middle(one[server], OURS, "median") for server in (QUICK_NAMES, SILENT_NAMES))
        self.budget("a silent name server: one authentication against one with a fast server", 1.1, silent / quick)

    def stalled(self):
        count = 50 if self.arguments.quick else 300
        surroundings = self.clients.surroundings
        command = self.clients.command(OURS, "stalled", LITERAL, count)
        command += [command[2].replace(LITERAL, OTHER), str(surroundings.kdc.pid)]
        turns = [self.clients.run(command) for _ in range(min(3, self.arguments.rounds))]
        self.results["stalled"] = turns
        rows = []
        for index, what in enumerate(["before", "while 20 wait for the stopped KDC"]):
            rows.append([what, text(statistics.median(statistics.median(turn[index]["latencies"]) for turn in turns)),
                         text(statistics.median(percentile(turn[index]["latencies"], 0.99) for turn in turns))])
        print_table("A stopped KDC: one after another to another host", ["when", "median, µs", "p99, µs"], rows)
        late = max(max(turn[2]["latencies"]) for turn in turns) / 1000
        failed = min(turn[2]["failed"] for turn in turns)
        print(f"\nOf the 20 that wait, {failed} fail. They end at most {text(late, 1)} ms after their deadline.")
        self.budget("a stopped KDC: latency of the others compared with before", 1.1, statistics.median(
            statistics.median(turn[1]["latencies"]) / statistics.median(turn[0]["latencies"]) for turn in turns))
        self.budget("a stopped KDC: end after the deadline", 100, late, 1, " ms")

    def delay(self):
        count = 20 if self.arguments.quick else 100
        command_for = lambda name: self.clients.command(
            name, "sequential", LITERAL, count, self.clients.surroundings.proxy_port)
        names = self.peers + [FLOOR_NO_PING, OURS, OURS_NO_PING, PIPELINED]
        measured = figures(take_turns(self.clients, names, command_for, min(3, self.arguments.rounds)))
        self.results["delay"] = measured
        rows = [[name, text(middle(measured, name, "median") / 1000, 1),
                 text(middle(measured, name, "median") / (2 * DELAY), 1),
                 text(ratio(measured, name, MONGOC, "median"), 2, "x")] for name in measured]
        print_table(
            "A round trip of 5 ms (the proxy accepts at once; ping is one round trip)",
            ["client", "median, ms", "round trips", "to libmongoc"], rows)
        if PIPELINED in measured:
            self.budget("round trips until authenticated, pipelined",
                        2.5, middle(measured, PIPELINED, "median") / (2 * DELAY) - 1, 1, "")
        else:
            print("\nPipelined: not supported by this version.")

    def profile(self):
        output = self.clients.surroundings.folder / "perf.data"
        environment = {**SBIN, **self.clients.surroundings.environment(), **self.clients.surroundings.cold_cache()}
        for name in (OURS, MONGOC):
            command = self.clients.command(name, "sequential", LITERAL, 2000)
            subprocess.run(
                ["perf", "record", "-q", "-e", "instructions:u", "-c", "100000", "-g", "-o", output, *command],
                env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for keys in ("dso", "dso,symbol"):
                report = subprocess.run(
                    ["perf", "report", "-i", output, "--stdio", "--no-children", "-g", "none", "--sort", keys,
                     "--percent-limit", "0.5"], env=environment, capture_output=True, text=True).stdout
                print(f"\n{name}: share of user instructions by {keys}\n")
                print("\n".join(line for line in report.splitlines() if line and not line.startswith("#")))
