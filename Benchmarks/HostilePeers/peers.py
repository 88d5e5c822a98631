"""Hostile servers: handwritten wire protocol and BSON of MongoDB, on loopback ports.

They run in a separate process, so that the measuring process stays small: a child's peak memory is never less than that of
the process that started it.
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
    """The server side of one connection."""

    def __init__(self, stream, number):
        self.stream = stream
        # The index of this host in the case.
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
        """The names of the received commands; the bytes of the last one are `command`."""
        while True:
            length, self.request, _, self.code = struct.unpack("<4i", self.read(16))
            self.command = self.read(length - 16)
            # After the flags: a kind and the document, or a collection's name, two numbers and the document.
            start = 5 if self.code == OP_MSG else self.command.index(b"\0", 4) + 9
            yield self.command[start + 5:self.command.index(b"\0", start + 5)].decode()

    def message(self, document, announced=None, answers=None):
        """A reply to the last command. It may announce a wrong length, or answer another request."""
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
        """Sends nothing more until the client disconnects."""
        while self.stream.recv(65536):
            pass


# Server behaviours: each of these returns a function of the peer.

OK = {"ok": 1.0}
HELLO = bson({"minWireVersion": 0, "maxWireVersion": 21, **OK})
REFUSED = bson({"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."})


def answers(replies):
    """Answers each command by its name: with a document, or with the result of a function of the peer."""
    def talk(peer):
        for name in peer.commands():
            reply = replies[name]
            peer.send(reply(peer) if callable(reply) else reply)
    return talk


def hello(fields=None, size=0, then=REFUSED):
    """Answers hello with these fields, and a text that fills the document up to a size; then refuses."""
    fields = {"minWireVersion": 0, "maxWireVersion": 21, **(fields or {}), **OK}
    padding = size - len(bson(fields))
    return answers({"hello": bson({**fields, "padding": "x" * padding} if padding > 0 else fields), "saslStart": then})


def older_than_messages(talk):
    """Closes the connection on OP_MSG, as servers before 3.6 do."""
    def older(peer):
        code = struct.unpack("<i", peer.stream.recv(16, socket.MSG_PEEK | socket.MSG_WAITALL)[12:])[0]
        if code == OP_QUERY:
            talk(peer)
    return older


def announcing(length, sent=0, drips=False):
    """Announces a message length, sends part of the message, then single bytes or nothing."""
    def talk(peer):
        next(peer.commands())
        peer.stream.sendall(peer.message(b"", announced=length) + bytes(sent))
        if drips:
            peer.drip(bytes(10_000))
        peer.wait()
    return talk


def authenticated(**identity):
    """Accepts any password, and then says who the user is."""
    return answers({
        "hello": HELLO, "saslStart": bson({"conversationId": 1, "payload": b"", "done": True, **OK}),
        "connectionStatus": bson({"authInfo": identity, **OK})})


def identity(user="u", roles=0, name="r", size=1):
    return authenticated(
        authenticatedUsers=[{"user": user, "db": "$external"}],
        authenticatedUserRoles=[{"role": name * size, "db": "d" * size}] * roles)


def token(size):
    """Answers PLAIN with a token of the given size."""
    reply = bson({"conversationId": 1, "payload": bytes(size), "done": False, **OK})
    return answers({"hello": HELLO, "saslStart": reply, "saslContinue": reply})


def scram(iterations, neighbour=None, extensions=0):
    """Requires the given number of iterations, with a different salt for each host, and refuses every proof. The neighbour
    host requires the same number as MongoDB's servers."""
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
    """Sends endless replies to a request that was never made."""
    next(peer.commands())
    while True:
        peer.stream.sendall(peer.message(HELLO, answers=7) * 100)


def noise(peer):
    while True:
        peer.stream.sendall(b"220 welcome\r\n" * 1000)


class Peers:
    """A process with the given number of servers that all behave the same."""

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
        # End of file: the measuring process has ended.
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
            # The client has disconnected, which is allowed.
            pass
        finally:
            peer.stream.close()
