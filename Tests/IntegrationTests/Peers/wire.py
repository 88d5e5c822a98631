"""MongoDB's wire protocol as far as the peers of the tests need it: one document in, one out. Not for anything else."""

import json
import socket
import struct
import sys
import threading

import bson


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def converse(connection, answer):
    state = {"port": connection.getsockname()[1]}
    try:
        while True:
            length, identifier, _, code = struct.unpack("<iiii", receive(connection, 16))
            body = receive(connection, length - 16)
            if code == 2013:
                document = bson.encode(answer(bson.decode(body[5:]), state))
                head, code = struct.pack("<I", 0) + b"\0", 2013
            else:  # OP_QUERY, which drivers begin with
                document = bson.encode(answer(bson.decode(body[body.index(b"\0", 4) + 9 :]), state))
                head, code = struct.pack("<iqii", 8, 0, 0, 1), 1
            body = head + document
            connection.sendall(struct.pack("<iiii", 16 + len(body), 1, identifier, code) + body)
    except (EOFError, OSError):
        pass
    finally:
        connection.close()


def serve(hosts, answer):
    """Listens, says in a line of JSON where, and ends with the process's input. The answer to a command takes the command and a
    dictionary that belongs to the connection."""
    listening = []
    for host in hosts:
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        listening.append({"host": host, "port": listener.getsockname()[1]})

        def accept(listener=listener):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0], answer), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
    print(json.dumps({"listening": listening}), flush=True)
    sys.stdin.read()
