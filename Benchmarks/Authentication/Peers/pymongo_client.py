"""PyMongo as a peer: a new client, one ping, and the end of the client, for each authentication.

    pymongo_client.py sequential URI COUNT
    pymongo_client.py concurrent URI COUNT      a thread and a client for each, all at once
"""

import json
import resource
import sys
import threading
import time

from pymongo import MongoClient

WARM_UP = 20


def resident_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


class Measurement:
    def __init__(self):
        self.resident = resident_kib()
        self.usage = resource.getrusage(resource.RUSAGE_SELF)
        self.start = time.monotonic()

    def end(self, latencies, failed):
        wall = time.monotonic() - self.start
        usage, before = resource.getrusage(resource.RUSAGE_SELF), self.usage
        print(json.dumps({
            "count": len(latencies), "failed": failed, "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime,
            "switches": usage.ru_nvcsw - before.ru_nvcsw, "resident_kib": resident_kib() - self.resident,
            "peak_kib": usage.ru_maxrss, "latencies": [round(latency * 1e6) for latency in latencies],
        }), flush=True)


def sequential(uri, count):
    latencies, failed = [], 0
    for index in range(-WARM_UP, count):
        if index == 0:
            measurement = Measurement()
        start = time.monotonic()
        with MongoClient(uri) as client:
            client.admin.command("ping")
        if index >= 0:
            latencies.append(time.monotonic() - start)
    measurement.end(latencies, failed)


def concurrent(uri, count):
    resident = resident_kib()
    threading.stack_size(256 << 10)
    barrier, over = threading.Barrier(count + 1), threading.Barrier(count + 1)
    latencies, failures = [], []

    def one_of_many():
        barrier.wait()
        start = time.monotonic()
        # One client each: pings are so fast that a pool would serve many of them over one connection.
        with MongoClient(uri) as client:
            try:
                client.admin.command("ping")
            except Exception as error:
                failures.append(error)
            latencies.append(time.monotonic() - start)
            over.wait()
            barrier.wait()

    threads = [threading.Thread(target=one_of_many) for _ in range(count)]
    for thread in threads:
        thread.start()
    measurement = Measurement()
    measurement.resident = resident
    barrier.wait()
    over.wait()
    measurement.end(latencies, len(failures))
    barrier.wait()
    for thread in threads:
        thread.join()


raise_to = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (raise_to, raise_to))
{"sequential": sequential, "concurrent": concurrent}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
