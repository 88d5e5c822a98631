"""The peers of the golden outputs, all in one process: servers that speak MongoDB's protocol as far as one failure needs it, servers
of something else, proxies, and KDCs that answer every request with one error.

Arguments: a folder with certificates, and for each peer NAME=ADDRESS. NAME is one of SERVERS, or kdc-CODE with the number of an
error of Kerberos (RFC 4120). It says in a line of JSON when all of them listen, and ends with its input. Not for anything else.
"""

import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import bson

FOLDER = sys.argv[1]
PEERS = dict(argument.split("=", 1) for argument in sys.argv[2:])
CHILDREN = []

# Servers


def failure(code, name, message):
    return {"ok": 0.0, "errmsg": message, "code": code, "codeName": name}


REFUSED = failure(18, "AuthenticationFailed", "Authentication failed.")
ATLAS_REFUSED = failure(8000, "AtlasError", "bad auth : authentication failed")
UNKNOWN_COMMAND = failure(59, "CommandNotFound", "no such command: 'connectionStatus'")
HELLO = {
    "isWritablePrimary": True, "helloOk": True, "maxBsonObjectSize": 16777216, "minWireVersion": 0,
    "maxWireVersion": 21, "ok": 1.0,
}


def unavailable(message):
    return failure(334, "MechanismUnavailable", message)


def challenge(command, iterations):
    """SCRAM's first answer (RFC 5802), to any user."""
    nonce = dict(part.split("=", 1) for part in bytes(command["payload"]).decode()[3:].split(","))["r"]
    text = f"r={nonce}{'x' * 24},s={base64.b64encode(b'0123456789abcdef').decode()},i={iterations}"
    return {"conversationId": 1, "done": False, "payload": text.encode(), "ok": 1.0}


def malformed(command):
    return {"conversationId": 1, "done": False, "payload": b"this is no message of SCRAM", "ok": 1.0}


def done(command):
    return {"conversationId": 1, "done": True, "payload": b"", "ok": 1.0}


def mongo(start=None, proceed=None, hello=None, mechanisms=None, status=UNKNOWN_COMMAND):
    """A server of MongoDB's protocol; each answer is a document, or made from the command."""

    def answer(command):
        name = next(iter(command)).lower()
        if name in ("hello", "ismaster"):
            if hello is not None:
                return hello
            return HELLO | ({} if mechanisms is None else {"saslSupportedMechs": mechanisms})
        found = {"saslstart": start, "saslcontinue": proceed, "connectionstatus": status}.get(name)
        return found(command) if callable(found) else found or {"ok": 1.0}

    def serve(connection):
        while True:
            length, identifier, _, code = struct.unpack("<iiii", receive(connection, 16))
            body = receive(connection, length - 16)
            at = 5 if code == 2013 else body.index(b"\0", 4) + 9
            document = bson.encode(answer(bson.decode(body[at:])))
            head = struct.pack("<I", 0) + b"\0" if code == 2013 else struct.pack("<iqii", 8, 0, 0, 1)
            opcode = 2013 if code == 2013 else 1
            reply = struct.pack("<iiii", 16 + len(head) + len(document), 1, identifier, opcode) + head + document
            connection.sendall(reply)

    return serve


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def replies(data):
    """Answers the first bytes with these, and hangs up."""

    def serve(connection):
        connection.recv(65536)
        connection.sendall(data)

    return serve


def waits(connection):
    while connection.recv(65536):
        pass


def encrypted(name, clients=None, then=waits):
    """Shakes hands with the certificate of that name; `clients` is a file with the authorities of those that it demands."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{FOLDER}/{name}.crt", f"{FOLDER}/{name}.key")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(f"{FOLDER}/{clients}")

    def serve(connection):
        if connection.recv(1, socket.MSG_PEEK) != b"\x16":
            # All of it, so that the end is no reset.
            connection.recv(65536)
            return
        with context.wrap_socket(connection, server_side=True) as inside:
            then(inside)

    return serve


SCRAM = mongo(start=lambda command: challenge(command, 15000), proceed=REFUSED)
SERVERS = {
    "http": replies(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "hangs-up": lambda connection: connection.recv(65536),
    "silent": waits,
    "timeless": mongo(),
    "starting": mongo(hello=failure(91, "ShutdownInProgress", "The server is in quiesce mode and will shut down")),
    "closed-hello": mongo(hello=failure(13, "Unauthorized", "hello is not allowed from this address")),
    "untold": mongo(start=done),
    "ldap": mongo(start=REFUSED),
    "no-scram": mongo(mechanisms=["GSSAPI", "PLAIN"], start=unavailable("Unsupported mechanism")),
    "no-user": mongo(mechanisms=[], start=unavailable("Unsupported mechanism SCRAM-SHA-1")),
    "no-hash": mongo(
        start=unavailable(
            "Unable to use SCRAM-SHA-256 based authentication for user without any SCRAM-SHA-256 credentials registered"
        )
    ),
    "no-mechanism": mongo(
        start=unavailable("Received authentication for mechanism SCRAM-SHA-256 which is not enabled")
    ),
    "scram": SCRAM,
    "scram-costly": mongo(start=lambda command: challenge(command, 1000000)),
    "scram-cheap": mongo(start=lambda command: challenge(command, 1000)),
    "scram-garbled": mongo(start=malformed),
    "other-8000": mongo(start=lambda command: challenge(command, 15000), proceed=ATLAS_REFUSED),
    # What has a name of Atlas.
    "atlas": encrypted("atlas", then=mongo(start=lambda c: challenge(c, 15000), proceed=ATLAS_REFUSED)),
    "atlas-stranger": replies(bytes.fromhex("15030300020250")),
    "tls-alert": replies(bytes.fromhex("15030300020228")),
    "tls-server": encrypted("server"),
    "tls-expired": encrypted("expired"),
    "tls-future": encrypted("future"),
    "tls-self-signed": encrypted("self-signed"),
    "tls-self-signed-leaf": encrypted("self-signed-no-authority"),
    "tls-client-only": encrypted("client-only"),
    "tls-key-usage": encrypted("key-usage"),
    "tls-hangs-up": encrypted("server", then=lambda connection: connection.recv(65536)),
    "tls-namesake": encrypted("of-namesake"),
    "tls-demanding": encrypted("server", clients="ca.crt"),
}

# KDCs


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 255])
    return bytes([tag]) + length + body


def integer(value):
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def kerberos_error(code):
    """KRB-ERROR (RFC 4120 section 5.9.1)."""
    now = time.time()
    moment = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now)).encode()
    name = der(0x30, der(0xA0, integer(2)), der(0xA1, der(0x30, der(0x1B, b"krbtgt"), der(0x1B, b"EXAMPLE.TEST"))))
    parts = [
        der(0xA0, integer(5)), der(0xA1, integer(30)), der(0xA4, der(0x18, moment)),
        der(0xA5, integer(int(now % 1 * 1000000))), der(0xA6, integer(code)), der(0xA9, der(0x1B, b"EXAMPLE.TEST")),
        der(0xAA, name),
    ]
    if code == 60:
        parts.append(der(0xAB, der(0x1B, b"the directory behind it does not answer")))
    return der(0x7E, der(0x30, *parts))


def answer_datagrams(descriptor, code):
    while True:
        _, sender = descriptor.recvfrom(65536)
        if code is not None:
            descriptor.sendto(kerberos_error(code), sender)


def answer_connection(code):
    def serve(connection):
        receive(connection, struct.unpack(">I", receive(connection, 4))[0])
        answer = kerberos_error(code)
        connection.sendall(struct.pack(">I", len(answer)) + answer)

    return serve


# All of them


def listen(address, port, serve):
    listener = socket.create_server((address, port), backlog=64)

    def run(connection):
        try:
            serve(connection)
        except (EOFError, OSError):
            pass
        finally:
            connection.close()

    def accept():
        while True:
            threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def start_kdc(name, address):
    word = name.removeprefix("kdc-")
    code = int(word) if word.isdigit() else 52
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, 88))
    # One that is silent has nobody at its TCP port either; of the other one only the datagrams are let through.
    known = None if word == "silent" else code
    threading.Thread(target=answer_datagrams, args=(datagrams, known), daemon=True).start()
    if word.isdigit():
        listen(address, 88, answer_connection(code))
    elif word == "silent":
        listen(address, 88, waits)


def start_program(address, port, *command):
    CHILDREN.append(
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=FOLDER
        )
    )
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError:
            if CHILDREN[-1].poll() is not None:
                sys.exit(f"{command[0]} ended")


for name, address in PEERS.items():
    if name.startswith("kdc-"):
        start_kdc(name, address)
    elif name == "proxy":
        start_program(address, 1080, "microsocks", "-i", address, "-p", "1080")
    elif name == "proxy-with-users":
        start_program(address, 1080, "microsocks", "-i", address, "-p", "1080", "-u", "ann", "-P", "right")
    elif name == "tls-old":
        start_program(
            address, 27017, "openssl", "s_server", "-accept", f"{address}:27017", "-key", "server.key", "-cert",
            "server.crt", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-quiet",
        )
    else:
        listen(address, 27017, SERVERS[name])
print(json.dumps({"listening": []}), flush=True)
sys.stdin.read()
for child in CHILDREN:
    child.kill()
os._exit(0)
