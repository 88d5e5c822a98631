"""Speaks the SASL conversation command by command with binary payloads, and prints one line of JSON about it.

Usage: raw_conversation.py HOST PORT PRINCIPAL
"""

import base64
import json
import sys

try:
    import kerberos
    import pymongo
    from bson.binary import Binary
    from pymongo.errors import OperationFailure
except ImportError as error:
    print(
        f"{error}: PyMongo with its Kerberos extra is needed. `make test` installs it; by hand `make packages-test peers`,"
        " with .build/peers/bin in PATH", file=sys.stderr)
    sys.exit(77)


def token(context):
    return Binary(base64.b64decode(kerberos.authGSSClientResponse(context) or ""), 0)


def code(database, *command, **fields):
    try:
        database.command(*command, **fields)
        return 0
    except OperationFailure as error:
        return error.code


def main(host, port, principal):
    # One connection: the conversation and the identity belong to it.
    client = pymongo.MongoClient(host, port, maxPoolSize=1, directConnection=True, serverSelectionTimeoutMS=20000)
    external = client["$external"]
    report = {"before": code(client.shop, "find", "goods")}

    _, context = kerberos.authGSSClientInit("mongodb@localhost", gssflags=kerberos.GSS_C_MUTUAL_FLAG)
    kerberos.authGSSClientStep(context, "")
    start = external.command(
        "saslStart", mechanism="GSSAPI", payload=token(context), options={"skipEmptyExchange": True})
    kerberos.authGSSClientStep(context, base64.b64encode(start["payload"]).decode())
    layer = external.command("saslContinue", conversationId=1, payload=token(context))
    kerberos.authGSSClientUnwrap(context, base64.b64encode(layer["payload"]).decode())
    report["offer"] = base64.b64decode(kerberos.authGSSClientResponse(context)).hex()

    answer = base64.b64encode(b"\x01\x00\x00\x00" + principal.encode()).decode()
    kerberos.authGSSClientWrap(context, answer)
    end = external.command("saslContinue", conversationId=1, payload=token(context))

    report["kinds"] = [type(reply["payload"]).__name__ for reply in (start, layer, end)]
    report["ids"] = [reply["conversationId"] for reply in (start, layer, end)]
    report["done"] = [reply["done"] for reply in (start, layer, end)]
    report["finalLength"] = len(end["payload"])
    report["users"] = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
    report["after"] = code(client.shop, "find", "goods")
    report["overtime"] = code(external, "saslContinue", conversationId=1, payload=b"")
    client.close()
    return report


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
