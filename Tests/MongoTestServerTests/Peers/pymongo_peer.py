"""Authenticates with PyMongo and prints one line of JSON about how that went.

Usage: pymongo_peer.py URI
"""

import json
import sys

try:
    import kerberos  # noqa: F401  (PyMongo's Kerberos extra)
    import pymongo
    from pymongo.errors import OperationFailure, PyMongoError
except ImportError as error:
    print(
        f"{error}: PyMongo with its Kerberos extra is needed. `make test` installs it; by hand `make packages-test peers`,"
        " with .build/peers/bin in PATH", file=sys.stderr)
    sys.exit(77)


def main(uri):
    client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=20000, connectTimeoutMS=20000, socketTimeoutMS=20000)
    try:
        client.admin.command("ping")
        status = client.admin.command("connectionStatus")
        address = client.address
        return {
            "authInfo": status["authInfo"],
            "address": list(address),
            "primary": client.is_primary,
            "version": client.server_info()["version"],
        }
    except OperationFailure as error:
        return {"code": error.code, "details": error.details}
    except PyMongoError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        client.close()


if __name__ == "__main__":
    result = main(sys.argv[1])
    print(json.dumps(result, default=str))
    sys.exit(0 if "authInfo" in result else 1)
