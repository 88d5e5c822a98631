"""Servers that speak MongoDB's protocol and are none, as far as their public documentation tells: the answers that differ.

Arguments: documentdb, cosmosdb, ferretdb, atlas or empty-mechanisms; user; password. It says in a line of JSON where it listens, and ends with
its input. Not a server to trust: it is for one test.
"""

import base64
import hashlib
import hmac
import os
import sys

import wire

KIND, USER, PASSWORD = sys.argv[1:4]
ALGORITHM = "sha1" if KIND in ("documentdb", "cosmosdb", "empty-mechanisms") else "sha256"
MECHANISM = {"sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256"}[ALGORITHM]
ITERATIONS = 15000


def failure(code, name, message):
    return {"ok": 0, "code": code, "codeName": name, "errmsg": message}


REFUSED = (
    failure(8000, "AtlasError", "bad auth : authentication failed")
    if KIND == "atlas"
    else failure(18, "AuthenticationFailed", "Authentication failed.")
)


class Scram:
    """RFC 5802, the server's side."""

    def __init__(self, payload):
        self.first = payload[3:].decode()
        nonce = dict(field.split("=", 1) for field in self.first.split(","))["r"]
        self.nonce = nonce + base64.b64encode(os.urandom(18)).decode()
        # As long as the hash but for four bytes, which libmongoc insists on.
        self.salt = os.urandom(hashlib.new(ALGORITHM).digest_size - 4)
        salt = base64.b64encode(self.salt).decode()
        self.challenge = f"r={self.nonce},s={salt},i={ITERATIONS}"

    def digest(self, key, text):
        return hmac.new(key, text.encode() if isinstance(text, str) else text, ALGORITHM).digest()

    def finish(self, payload):
        message = payload.decode()
        without, _, proof = message.rpartition(",p=")
        password = PASSWORD
        if ALGORITHM == "sha1":
            password = hashlib.md5(f"{USER}:mongo:{PASSWORD}".encode()).hexdigest()
        salted = hashlib.pbkdf2_hmac(ALGORITHM, password.encode(), self.salt, ITERATIONS)
        text = f"{self.first},{self.challenge},{without}"
        key = self.digest(salted, "Client Key")
        signature = self.digest(hashlib.new(ALGORITHM, key).digest(), text)
        if bytes(a ^ b for a, b in zip(key, signature)) != base64.b64decode(proof):
            return None
        return b"v=" + base64.b64encode(self.digest(self.digest(salted, "Server Key"), text))


def hello(command, state):
    reply = {"isWritablePrimary": True, "ismaster": True, "helloOk": True, "maxBsonObjectSize": 16777216}
    reply.update({"minWireVersion": 0, "maxWireVersion": {"documentdb": 13, "cosmosdb": 8}.get(KIND, 21), "ok": 1})
    if KIND in ("documentdb", "cosmosdb"):
        own = "127.0.0.1:%d" % state["port"]
        reply.update({"setName": "rs0" if KIND == "documentdb" else "globaldb", "hosts": [own], "me": own, "primary": own})
    elif "saslSupportedMechs" in command:
        reply["saslSupportedMechs"] = [] if KIND == "empty-mechanisms" else [MECHANISM]
    return reply


def status():
    user = {"user": USER}
    if KIND == "cosmosdb":
        return failure(115, "CommandNotSupported", "Command connectionStatus is not supported")
    if KIND != "ferretdb":
        user["db"] = "admin"
    return {"authInfo": {"authenticatedUsers": [user], "authenticatedUserRoles": []}, "ok": 1}


def answer(command, state):
    name = next(iter(command))
    if name in ("hello", "isMaster", "ismaster"):
        return hello(command, state)
    if name == "saslStart":
        if command["mechanism"] != MECHANISM:
            if KIND == "documentdb":
                return failure(301, "", "Unsupported mechanism [ -301 ]")
            return failure(334, "MechanismUnavailable", "Unsupported mechanism")
        state["scram"] = Scram(bytes(command["payload"]))
        return {"conversationId": 1, "done": False, "payload": state["scram"].challenge.encode(), "ok": 1}
    if name == "saslContinue" and "scram" in state:
        if not bytes(command["payload"]):
            return {"conversationId": 1, "done": True, "payload": b"", "ok": 1}
        final = state["scram"].finish(bytes(command["payload"]))
        if final is None:
            return REFUSED
        state["authenticated"] = True
        return {"conversationId": 1, "done": False, "payload": final, "ok": 1}
    if not state.get("authenticated"):
        return failure(13, "Unauthorized", "not authenticated")
    return status() if name == "connectionStatus" else {"ok": 1}


wire.serve(["127.0.0.1"], answer)
