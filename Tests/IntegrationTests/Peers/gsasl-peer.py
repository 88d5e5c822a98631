"""A server of MongoDB's wire protocol whose SASL side is GNU SASL (libgsasl). Arguments: service, host name.

It says in a line of JSON where it listens, writes a line for each user that it has authenticated, and ends with its input.
"""

import base64
import ctypes
import ctypes.util
import sys

import wire

GSASL_OK, GSASL_NEEDS_MORE = 0, 1
# <gsasl.h>
AUTHZID, SERVICE, HOSTNAME, GSSAPI_DISPLAY_NAME = 2, 5, 6, 7
VALIDATE_GSSAPI = 503

library = ctypes.CDLL(ctypes.util.find_library("gsasl") or "libgsasl.so.18")
library.gsasl_property_fast.restype = ctypes.c_char_p
library.gsasl_strerror.restype = ctypes.c_char_p
for name in ("gsasl_property_set", "gsasl_property_fast"):
    getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_int] + [ctypes.c_char_p] * name.endswith("set")
libc = ctypes.CDLL(None)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
def callback(context, session, property):
    if property != VALIDATE_GSSAPI:
        return 51  # GSASL_NO_CALLBACK
    user = library.gsasl_property_fast(session, GSSAPI_DISPLAY_NAME)
    authorized = library.gsasl_property_fast(session, AUTHZID)
    return GSASL_OK if user and user == authorized else 31  # GSASL_AUTHENTICATION_ERROR


class Conversation:
    def __init__(self, context):
        self.session = ctypes.c_void_p()
        status = library.gsasl_server_start(context, b"GSSAPI", ctypes.byref(self.session))
        if status != GSASL_OK:
            raise RuntimeError(library.gsasl_strerror(status).decode())
        library.gsasl_property_set(self.session, SERVICE, sys.argv[1].encode())
        library.gsasl_property_set(self.session, HOSTNAME, sys.argv[2].encode())

    def step(self, token):
        output, length = ctypes.c_void_p(), ctypes.c_size_t()
        status = library.gsasl_step(
            self.session, ctypes.c_char_p(token), ctypes.c_size_t(len(token)), ctypes.byref(output), ctypes.byref(length)
        )
        if status not in (GSASL_OK, GSASL_NEEDS_MORE):
            raise RuntimeError(library.gsasl_strerror(status).decode())
        answer = ctypes.string_at(output, length.value) if output else b""
        libc.free(output)
        return answer, status == GSASL_OK

    @property
    def user(self):
        return library.gsasl_property_fast(self.session, GSSAPI_DISPLAY_NAME).decode()


def answer(command, state):
    name = next(iter(command))
    if name in ("hello", "isMaster", "ismaster"):
        return {"isWritablePrimary": True, "minWireVersion": 0, "maxWireVersion": 21, "ok": 1}
    if name == "connectionStatus" and "user" in state:
        user = {"user": state["user"], "db": "$external"}
        return {"authInfo": {"authenticatedUsers": [user], "authenticatedUserRoles": []}, "ok": 1}
    if name not in ("saslStart", "saslContinue"):
        return {"ok": 0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authenticated"}
    try:
        if name == "saslStart":
            state["sasl"] = Conversation(context)
        payload = command["payload"]
        is_text = isinstance(payload, str)
        token, done = state["sasl"].step(base64.b64decode(payload) if is_text else bytes(payload))
        token = base64.b64encode(token).decode() if is_text else token
        if done:
            state["user"] = state["sasl"].user
            print(state["user"], flush=True)
        return {"conversationId": 1, "done": done, "payload": token, "ok": 1}
    except (RuntimeError, KeyError) as error:
        print(f"refused: {error}", file=sys.stderr, flush=True)
        return {"ok": 0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}


context = ctypes.c_void_p()
if library.gsasl_init(ctypes.byref(context)) != GSASL_OK:
    sys.exit("gsasl_init failed")
library.gsasl_callback_set(context, callback)
wire.serve(["127.0.0.1", "::1"], answer)
