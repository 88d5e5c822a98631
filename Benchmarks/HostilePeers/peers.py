"""Servers that mean harm: MongoDB's wire protocol and BSON by hand, on ports of the loopback interface.

They run in a process of their own, so that the one that measures stays small: a child's peak memory is never less than that
of the process that started it.
"""

import base64
import multiprocessing
import os
import re
import selectors
import socket
import struct
import threading
import time

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


def bson(fields):
    """A document of texts, numbers, Booleans, bytes, lists and documents."""
    return framed(b"".join(element(key, value) for key, value in fields.items()))


def framed(elements):
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def element(key, value):
    name = key.encode() + b"\0"
    if isinstance(value, bool):
        return b"\x08" + name + bytes([value])
    if isinstance(value, int):
        return b"\x10" + name + struct.pack("<i", value)
    if isinstance(value, float):
        return b"\x01" + name + struct.pack("<d", value)
    if isinstance(value, bytes):
        return b"\x05" + name + struct.pack("<ib", len(value), 0) + value
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + name + struct.pack("<i", len(text)) + text
    if isinstance(value, list):
        return b"\x04" + name + framed(b"".join(element(str(index), entry) for index, entry in enumerate(value)))
    return b"\x03" + name + bson(value)


class Peer:
    """The server's side of one connection."""

    def __init__(self, stream, number):
        self.stream = stream
        # Which of the case's hosts this is.
        self.number = number
        self.request = self.code = 0
        self.command = b""

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.stream.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def commands(self):
        """The names of the commands that come in; the last one's bytes are `command`."""
        while True:
            length, self.request, _, self.code = struct.unpack("<4i", self.read(16))
            self.command = self.read(length - 16)
            # Behind the flags: a kind and the document, or a collection's name, two numbers and the document.
            start = 5 if self.code == OP_MSG else self.command.index(b"\0", 4) + 9
            yield self.command[start + 5:self.command.index(b"\0", start + 5)].decode()

    def message(self, document, announced=None, answers=None):
        """A reply to the last command, which may announce another length than it has, or answer something else."""
        body = bytes(5) if self.code == OP_MSG else struct.pack("<iqii", 8, 0, 0, 1)
        return struct.pack(
            "<4i", announced or 16 + len(body) + len(document), 1, self.request if answers is None else answers,
            OP_MSG if self.code == OP_MSG else OP_REPLY) + body + document

    def send(self, document):
        self.stream.sendall(self.message(document))

    def drip(self, data, pause=0.1):
        for byte in data:
            self.stream.sendall(bytes([byte]))
            time.sleep(pause)

    def wait(self):
        """Says nothing more until the client has gone."""
        while self.stream.recv(65536):
            pass


# What a server does with a connection: each of these gives a function of the peer.

OK = {"ok": 1.0}
HELLO = bson({"minWireVersion": 0, "maxWireVersion": 21, **OK})
REFUSED = bson({"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."})


def answers(replies):
    """Answers each command by its name: with a document, or with what a function makes of the peer."""
    def talk(peer):
        for name in peer.commands():
            reply = replies[name]
            peer.send(reply(peer) if callable(reply) else reply)
    return talk


def hello(fields=None, size=0, then=REFUSED):
    """Says hello with these fields, and a text that fills the document up to a size; then refuses."""
    fields = {"minWireVersion": 0, "maxWireVersion": 21, **(fields or {}), **OK}
    padding = size - len(bson(fields))
    return answers({"hello": bson({**fields, "padding": "x" * padding} if padding > 0 else fields), "saslStart": then})


def older_than_messages(talk):
    """Hangs up on OP_MSG, as servers before 3.6 do."""
    def older(peer):
        code = struct.unpack("<i", peer.stream.recv(16, socket.MSG_PEEK | socket.MSG_WAITALL)[12:])[0]
        if code == OP_QUERY:
            talk(peer)
    return older


def announcing(length, sent=0, drips=False):
    """Announces a message of a length, sends so much of it, then single bytes or nothing."""
    def talk(peer):
        next(peer.commands())
        peer.stream.sendall(peer.message(b"", announced=length) + bytes(sent))
        if drips:
            peer.drip(bytes(10_000))
        peer.wait()
    return talk


def authenticated(**identity):
    """Takes any password, and says then who the user is."""
    return answers({
        "hello": HELLO, "saslStart": bson({"conversationId": 1, "payload": b"", "done": True, **OK}),
        "connectionStatus": bson({"authInfo": identity, **OK})})


def identity(user="u", roles=0, name="r", size=1):
    return authenticated(
        authenticatedUsers=[{"user": user, "db": "$external"}],
        authenticatedUserRoles=[{"role": name * size, "db": "d" * size}] * roles)


def token(size):
    """Answers PLAIN with a token of a size."""
    reply = bson({"conversationId": 1, "payload": bytes(size), "done": False, **OK})
    return answers({"hello": HELLO, "saslStart": reply, "saslContinue": reply})


def scram(iterations, neighbour=None, extensions=0):
    """Demands so many iterations, with a salt of its own for each host, and refuses whatever proof comes. The host with the
    neighbour's number demands what MongoDB's servers do."""
    def challenge(peer):
        nonce = re.search(rb"n,,n=[^,]*,r=([!-+\--~]+)", peer.command)[1]
        count = 15_000 if peer.number == neighbour else iterations
        text = b"r=%bserver,s=%b,i=%d" % (nonce, base64.b64encode(b"salt of host %06d" % peer.number), count)
        return bson({"conversationId": 1, "payload": text + b",x=y" * extensions, "done": False, **OK})
    return answers({"hello": HELLO, "saslStart": challenge, "saslContinue": REFUSED})


def silent(peer):
    peer.wait()


def closing(peer):
    pass


def dripping(peer):
    next(peer.commands())
    peer.drip(peer.message(bson({**OK, "padding": "x" * 500})))


def endless(peer):
    """Sends one reply after another to a request that nobody made."""
    next(peer.commands())
    while True:
        peer.stream.sendall(peer.message(HELLO, answers=7) * 100)


def noise(peer):
    while True:
        peer.stream.sendall(b"220 welcome\r\n" * 1000)


class Peers:
    """A process with so many servers that all do the same."""

    def __init__(self, make, count):
        ours, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=self.serve, args=(make, count, theirs, ours), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe = ours
        self.ports = ours.recv()

    def stop(self):
        self.process.kill()
        self.process.join()
        self.pipe.close()

    @staticmethod
    def serve(make, count, pipe, parents):
        parents.close()
        talk = make()
        selector = selectors.DefaultSelector()
        listeners = [socket.create_server(("127.0.0.1", 0), backlog=16) for _ in range(count)]
        for number, listener in enumerate(listeners):
            selector.register(listener, selectors.EVENT_READ, number)
        # At its end the process that measures has gone.
        selector.register(pipe, selectors.EVENT_READ)
        pipe.send([listener.getsockname()[1] for listener in listeners])
        while True:
            for key, _ in selector.select():
                if key.fileobj is pipe:
                    os._exit(0)
                stream = key.fileobj.accept()[0]
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=Peers.talk, args=(talk, Peer(stream, key.data)), daemon=True).start()

    @staticmethod
    def talk(talk, peer):
        try:
            talk(peer)
        except (OSError, EOFError, StopIteration):
            # The client has gone, as it may.
            pass
        finally:
            peer.stream.close()
