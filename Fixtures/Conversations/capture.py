"""Stands between a client and a server of MongoDB's wire protocol, and writes down what both say.

Usage: capture.py SERVER-PORT FILE COMMAND ..

The word @PORT@ in the command stands for the port on which this listens. Each message becomes a line: `>` from the
client or `<` from the server, the number of the connection, the bytes in hexadecimal; before it, a comment with the
message as PyMongo's bson reads it, without tokens.
"""

import socket
import struct
import subprocess
import sys
import threading

import bson


def summary(message):
    length, request, response, opcode = struct.unpack("<iiii", message[:16])
    if opcode == 2013:
        document = bson.decode(message[21:])
        name = "OP_MSG"
    elif opcode == 2004:
        end = message.index(b"\0", 20)
        document = bson.decode(message[end + 9 :])
        name = "OP_QUERY"
    elif opcode == 1:
        document = bson.decode(message[36:])
        name = "OP_REPLY"
    else:
        return f"opcode {opcode}, {length} bytes"
    if "payload" in document:
        payload = document["payload"]
        kind = "base64 string" if isinstance(payload, str) else "binary"
        document["payload"] = f"<{kind}, {len(payload)}>"
    return f"{name} request {request} to {response}: {document}"


def messages(source, direction, connection, sink, lines, lock):
    buffer = b""
    while piece := source.recv(1 << 16):
        buffer += piece
        while len(buffer) >= 4 and len(buffer) >= (length := struct.unpack("<i", buffer[:4])[0]):
            with lock:
                lines.append(f"# {summary(buffer[:length])}\n{direction} {connection} {buffer[:length].hex()}\n")
            buffer = buffer[length:]
        sink.sendall(piece)
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def main(server_port, path, command):
    lines, lock = [], threading.Lock()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve():
        connection = 0
        while True:
            client, _ = listener.accept()
            connection += 1
            server = socket.create_connection(("127.0.0.1", server_port))
            for source, direction, sink in ((client, ">", server), (server, "<", client)):
                arguments = (source, direction, connection, sink, lines, lock)
                threading.Thread(target=messages, args=arguments, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    result = subprocess.run([word.replace("@PORT@", str(port)) for word in command])
    with lock, open(path, "w") as file:
        file.writelines(lines)
    print(f"{path}: {len(lines)} messages, the client ended with {result.returncode}", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
