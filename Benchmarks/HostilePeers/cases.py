"""The cases that authcheck must survive."""

import os
import struct
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, Optional

import peers

# The deadline for authcheck in each case, in seconds.
DEADLINE = 5

PLAIN = "authMechanism=PLAIN"
SCRAM = "authMechanism=SCRAM-SHA-256"
GSSAPI = "authMechanism=GSSAPI"
# The maximum length of a hello.
LIMIT = 1 << 20
# The overhead of a message in addition to its texts.
HEADERS = 100


@dataclass
class Case:
    name: str
    # Makes the behaviour of each server; without it there are no servers, and the ports refuse connections.
    peer: Optional[Callable] = None
    hosts: int = 1
    query: str = PLAIN
    user: str = "u:p"
    # Arguments after the command and the connection string.
    arguments: list = field(default_factory=list)
    command: str = "check"
    # Standard input: a path, or a function that yields a text in pieces. The connection string is then "-".
    stdin: Optional[object] = None
    environment: dict = field(default_factory=dict)
    # Makes a file at the given path in the run's folder before the case; it is removed afterwards.
    file: Optional[Callable] = None
    # Whether the output is read.
    is_read: bool = True
    # The required failure class of the last host.
    neighbour: Optional[str] = None
    # Whether the check must end by itself, not by the watchdog half a second after its deadline.
    ends: bool = True
    # The maximum output for each host, in bytes.
    output: int = 1 << 20


def both(*arguments, **named):
    """A case with a text report, and one with a JSON report."""
    case = Case(*arguments, **named)
    return [case, replace(case, name=case.name + ", JSON", arguments=[*case.arguments, "--format", "json"])]


# MARK: Files

def sparse(size, head=b""):
    def make(path):
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(size)
    return make


def repeated(size, piece, head=b""):
    def make(path):
        with open(path, "wb") as file:
            file.write(head)
            block = piece * max(1, (1 << 20) // len(piece))
            while file.tell() + len(block) <= size:
                file.write(block)
    return make


def authorities(size):
    """The system's certificates, repeated."""
    def make(path):
        with open("/etc/ssl/certs/ca-certificates.crt", "rb") as file:
            repeated(size, file.read())(path)
    return make


def counted(data):
    return struct.pack(">I", len(data)) + data


def principal(*names):
    """A realm and the components of a name, as in a credential cache."""
    return struct.pack(">II", 1, len(names) - 1) + b"".join(counted(name.encode()) for name in names)


def ticket(*service):
    times = struct.pack(">4I", 0x60000000, 0x60000000, 0x7F000000, 0)
    return (
        principal("EXAMPLE.TEST", "ann") + principal("EXAMPLE.TEST", *service) + struct.pack(">H", 18) + counted(bytes(32))
        + times + b"\0" + struct.pack(">III", 0, 0, 0) + counted(bytes(100)) + counted(b""))


# The version, an empty header, and the owner.
CACHE = b"\5\4\0\0" + principal("EXAMPLE.TEST", "ann")
GRANTING = ticket("krbtgt", "EXAMPLE.TEST")
LONG_NAME = b"\5\4\0\0" + struct.pack(">II", 1, 1) + counted(b"EXAMPLE.TEST") + struct.pack(">I", 475_999_000)


# MARK: Connection strings

def text(*pieces):
    """A string in pieces. Each piece is a text, or a text and its number of repetitions."""
    for piece in pieces:
        piece, count = piece if isinstance(piece, tuple) else (piece, 1)
        while count > 0:
            some = min(count, max(1, 65536 // len(piece)))
            yield piece * some
            count -= some


def options(name, piece, size):
    return lambda: text(f"mongodb://u:p@127.0.0.1:1/?{PLAIN}&{name}", (piece, size // len(piece)))


def refusing(count):
    return lambda: text("mongodb://u:p@", ("127.0.0.1:1,", count - 1), f"127.0.0.1:1/?{PLAIN}")


# MARK: The cases

def mechanisms(count, length):
    return {"saslSupportedMechs": ["m" * length] * count}


STEERING = "\x1b[31m\u202e\x07"


def hellos():
    yield Case("hello of 15 MB, 1 host", lambda: peers.hello(size=15_000_000))
    yield Case("hello of 15 MB, 20 hosts", lambda: peers.hello(size=15_000_000), 20)
    yield Case(
        "hello of 15 MB in OP_REPLY, 20 hosts", lambda: peers.older_than_messages(peers.hello(size=15_000_000)), 20)
    yield Case("hello of 1 MB, 100 hosts", lambda: peers.hello(size=LIMIT - HEADERS), 100)
    yield Case("47 MB announced, then single bytes", lambda: peers.announcing(47_000_000, drips=True))
    yield Case(
        "47 MB announced, all but the last one sent, 20 hosts", lambda: peers.announcing(47_000_000, sent=46_000_000), 20)
    yield Case("1 MiB announced, all but the last bytes sent, 100 hosts",
               lambda: peers.announcing(LIMIT, sent=LIMIT - HEADERS), 100)
    yield Case("2 GB announced", lambda: peers.announcing(0x7FFFFFFF, drips=True))
    yield Case("99,000 saslSupportedMechs in 15 MB, 100 hosts",
               lambda: peers.hello(mechanisms(99_000, 140)), 100, query="")
    yield Case("78,000 saslSupportedMechs in 1 MiB, 100 hosts", lambda: peers.hello(mechanisms(78_000, 1)), 100, query="")
    yield Case("4,900 saslSupportedMechs in 1 MiB, 100 hosts", lambda: peers.hello(mechanisms(4900, 200)), 100, query="")
    yield from both("99 saslSupportedMechs of 10 kB", lambda: peers.hello(mechanisms(99, 10_000)), query="")
    names = {"me": STEERING * 10_000, "setName": STEERING * 10_000}
    yield Case("hosts of 10,000 entries; me and setName of 90 kB",
               lambda: peers.hello({"hosts": ["h" * 60] * 10_000, **names}))
    yield from both("hosts of 4,500 entries; me and setName of 90 kB",
                    lambda: peers.hello({"hosts": ["h" * 150] * 4500, **names}))
    error = {"ok": 0.0, "code": 1, "codeName": STEERING * 10_000, "errmsg": STEERING * 100_000}
    yield from both("errmsg of 900 kB of control characters", lambda: peers.answers({"hello": peers.bson(error)}))
    yield Case("errmsg of 900 kB of control characters, 100 hosts, JSON, --verbose", 
               lambda: peers.answers({"hello": peers.bson(error)}), 100, arguments=["--format", "json", "--verbose"])


def authentications():
    yield from both("20,000 roles and a user's name of 1 MB", lambda: peers.identity("u" * 1_000_000, 20_000))
    yield Case("20,000 roles and a user's name of 1 MB, 100 hosts", lambda: peers.identity("u" * 1_000_000, 20_000), 100)
    yield Case("1,600 roles and a user's name of 900 kB, 100 hosts", lambda: peers.identity("u" * 900_000, 1600), 100)
    yield from both("100 roles of 4.5 kB of control characters", lambda: peers.identity("u", 100, STEERING, 500))
    yield Case("token of 1.5 MB, 20 hosts", lambda: peers.token(1_500_000), 20)
    yield Case("token of 15 MB, 20 hosts", lambda: peers.token(15_000_000), 20)
    for count, words in (1, "1 host"), (100, "100 hosts"):
        yield Case(f"SCRAM challenge of 375,000 attributes, {words}", partial(peers.scram, 15_000, extensions=375_000), count,
                   query=SCRAM)
    for iterations, hosts in (1_000_000, 20), (1_000_000, 100), (600_000, 20), (600_000, 100):
        yield Case(f"SCRAM with {iterations:,} iterations, {hosts} hosts and a neighbour",
                   partial(peers.scram, iterations, neighbour=hosts), hosts + 1, query=SCRAM,
                   arguments=["--format", "json"], neighbour="refused")


def slowness():
    yield Case("a silent server", lambda: peers.silent)
    yield Case("1,000 silent servers, JSON", lambda: peers.silent, 1000, arguments=["--format", "json"])
    yield Case("a server that closes at once", lambda: peers.closing)
    yield Case("a byte each 100 ms", lambda: peers.dripping)
    yield Case("endless unsolicited replies", lambda: peers.endless)
    yield Case("endless text instead of MongoDB", lambda: peers.noise)
    yield Case("endless text instead of TLS", lambda: peers.noise, query=PLAIN + "&tls=true")
    yield Case("a silent server under TLS", lambda: peers.silent, query=PLAIN + "&tls=true")


def strings():
    yield Case("1,000 hosts that refuse, JSON", hosts=1000, stdin=refusing(1000), arguments=["--format", "json"])
    yield Case("20,000 hosts that refuse", hosts=20_000, stdin=refusing(20_000))
    yield Case("200,000 hosts that refuse", hosts=200_000, stdin=refusing(200_000))
    yield Case("/dev/zero as the connection string", stdin="/dev/zero")
    yield Case("authMechanismProperties of 10 MB", stdin=options("authMechanismProperties=", "a:b,", 10_000_000))
    yield Case("authMechanismProperties of 1 MB", stdin=options("authMechanismProperties=", "a:b,", 1_000_000))
    yield Case("readPreferenceTags of 1 MB", stdin=options("readPreferenceTags=", "a:b,", 1_000_000))
    yield Case("readPreferenceTags, 45,000 times", stdin=options("a=b&", "readPreferenceTags=a:b&", 1_000_000))
    yield Case("an unknown option, 250,000 times", stdin=options("", "a=b&", 1_000_000))
    # The report repeats the string as a whole and by option, and JSON may escape each byte.
    repeated_options = {
        "readPreferenceTags, 45,000 times": "readPreferenceTags=a:b&", "appName, 110,000 times": "appName=&"}
    for what, piece in repeated_options.items():
        yield Case(f"explain: {what}, JSON", command="explain", stdin=options("a=b&", piece, 1_000_000),
                   arguments=["--format", "json"], output=4 << 20)
    yield Case("explain: authSource of 1 MB of characters to escape", command="explain",
               stdin=options("authSource=", "%C2%9B", 1_000_000), arguments=["--format", "json"], output=4 << 20)


def files():
    def cache(name, make, hosts=1):
        return Case(name, lambda: peers.hello(), hosts, GSSAPI, "ann%40EXAMPLE.TEST",
                    environment={"KRB5CCNAME": "FILE:{file}"}, file=make)

    yield cache("credential cache of 476 MB of tickets", repeated(476_000_000, ticket("mongodb", "h"), CACHE + GRANTING))
    yield cache("credential cache of 476 MB, sparse", sparse(476_000_000, CACHE + GRANTING))
    yield cache("credential cache with a name of 476 MB", sparse(476_000_000, LONG_NAME))
    yield cache("credential cache of 16 MB of tickets, 20 hosts",
                repeated(16_000_000, ticket("mongodb", "h"), CACHE + GRANTING), 20)
    yield cache("credential cache with a name of 15 MB",
                sparse(16_000_000, LONG_NAME[:-4] + struct.pack(">I", 15_000_000)))

    for what, make in ("a named pipe", os.mkfifo), ("/dev/zero", None):
        path = "{file}" if make else "/dev/zero"
        yield Case(f"--password-file {what}", lambda: peers.hello(), user="u", arguments=["--password-file", path],
                   file=make, ends=False)
        yield Case(f"tlsCAFile {what}", lambda: peers.silent, query=f"{PLAIN}&tls=true&tlsCAFile={path}", file=make)
    for what, make in [("of 500 MB", sparse(500_000_000)), ("of 16 MB of certificates", authorities(16_000_000))]:
        yield Case(f"tlsCAFile {what}", lambda: peers.silent, query=f"{PLAIN}&tls=true&tlsCAFile={{file}}", file=make)
    yield Case("a named pipe as the connection string", stdin="{file}", file=os.mkfifo, ends=False)


def outputs():
    yield Case("an unread report of 200 hosts", hosts=200, stdin=refusing(200), arguments=["--format", "json"],
               is_read=False)


def cases():
    for group in hellos, authentications, slowness, strings, files, outputs:
        yield from group()
