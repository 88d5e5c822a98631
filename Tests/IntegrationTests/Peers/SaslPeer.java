import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import javax.security.auth.Subject;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;
import javax.security.sasl.AuthorizeCallback;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;

/**
 * A server whose SASL and GSS-API sides are the JDK's own, with just enough of the wire protocol for a client that
 * authenticates: hello, saslStart, saslContinue, connectionStatus.
 *
 *     java -Djava.security.krb5.conf=FILE SaslPeer.java KEYTAB PRINCIPAL HOST QOP MAXBUFFER
 *
 * QOP is what to offer ("auth" or "auth-conf,auth-int,auth"), MAXBUFFER the size named in the offer. It prints one line
 * of JSON when it listens, one for each authorization, and ends when its standard input does.
 */
public final class SaslPeer {
    private static final int OP_MSG = 2013;
    private static final int MAXIMUM_LENGTH = 1 << 24;

    public static void main(String[] arguments) throws Exception {
        String keytab = arguments[0], principal = arguments[1], host = arguments[2];
        Map<String, String> properties = Map.of(Sasl.QOP, arguments[3], Sasl.MAX_BUFFER, arguments[4]);
        Subject subject = logIn(keytab, principal);

        StringJoiner listening = new StringJoiner(",", "{\"listening\":[", "]}");
        List<ServerSocket> sockets = new ArrayList<>();
        for (String address : List.of("127.0.0.1", "::1")) {
            ServerSocket socket = new ServerSocket();
            socket.bind(new InetSocketAddress(InetAddress.getByName(address), 0));
            sockets.add(socket);
            listening.add("{\"host\":\"" + address + "\",\"port\":" + socket.getLocalPort() + "}");
        }
        for (ServerSocket socket : sockets) {
            start(() -> {
                while (true) {
                    Socket connection = socket.accept();
                    start(() -> Subject.doAs(subject, (PrivilegedExceptionAction<Void>) () -> {
                        new Session(connection, host, properties).run();
                        return null;
                    }));
                }
            });
        }
        System.out.println(listening);
        while (System.in.read() >= 0) {
            continue;
        }
        System.exit(0);
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception error) {
                error.printStackTrace();
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    /** The service's keys as a subject, under which contexts can be accepted. */
    private static Subject logIn(String keytab, String principal) throws Exception {
        Map<String, String> options = Map.of(
            "useKeyTab", "true", "keyTab", keytab, "principal", principal, "storeKey", "true", "isInitiator", "false",
            "doNotPrompt", "true");
        AppConfigurationEntry entry = new AppConfigurationEntry(
            "com.sun.security.auth.module.Krb5LoginModule", AppConfigurationEntry.LoginModuleControlFlag.REQUIRED,
            options);
        LoginContext context = new LoginContext("peer", null, null, new Configuration() {
            @Override
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {entry};
            }
        });
        context.login();
        return context.getSubject();
    }

    /** One connection. */
    private static final class Session {
        private final Socket socket;
        private final SaslServer server;
        private String user;

        Session(Socket socket, String host, Map<String, String> properties) throws SaslException {
            this.socket = socket;
            server = Sasl.createSaslServer("GSSAPI", "mongodb", host, properties, this::authorize);
        }

        private void authorize(Callback[] callbacks) throws UnsupportedCallbackException {
            for (Callback callback : callbacks) {
                if (!(callback instanceof AuthorizeCallback)) {
                    throw new UnsupportedCallbackException(callback);
                }
                AuthorizeCallback request = (AuthorizeCallback) callback;
                String authenticated = request.getAuthenticationID(), asked = request.getAuthorizationID();
                System.out.println(
                    "{\"authenticationID\":\"" + authenticated + "\",\"authorizationID\":\"" + asked + "\"}");
                request.setAuthorized(authenticated.equals(asked));
                request.setAuthorizedID(asked);
            }
        }

        void run() throws Exception {
            try (socket) {
                DataInputStream input = new DataInputStream(socket.getInputStream());
                while (true) {
                    byte[] header = new byte[16];
                    try {
                        input.readFully(header);
                    } catch (EOFException end) {
                        return;
                    }
                    ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
                    int length = fields.getInt(), request = fields.getInt();
                    fields.getInt();
                    if (fields.getInt() != OP_MSG || length < 26 || length > MAXIMUM_LENGTH) {
                        return;
                    }
                    byte[] body = new byte[length - 16];
                    input.readFully(body);
                    // Four bytes of flags and the kind 0 of the only section stand before the document.
                    ByteBuffer document = ByteBuffer.wrap(body, 5, body.length - 5).order(ByteOrder.LITTLE_ENDIAN);
                    send(Bson.encode(reply(Bson.decode(document))), request);
                }
            }
        }

        private void send(byte[] document, int request) throws IOException {
            ByteBuffer message = ByteBuffer.allocate(21 + document.length).order(ByteOrder.LITTLE_ENDIAN);
            message.putInt(message.capacity()).putInt(1).putInt(request).putInt(OP_MSG).putInt(0).put((byte) 0);
            message.put(document);
            OutputStream output = socket.getOutputStream();
            output.write(message.array());
            output.flush();
        }

        private Map<String, Object> reply(Map<String, Object> command) {
            switch (command.keySet().iterator().next()) {
                case "hello":
                    return Bson.document("isWritablePrimary", true, "minWireVersion", 0, "maxWireVersion", 21, "ok", 1.0);
                case "saslStart":
                case "saslContinue":
                    return step((byte[]) command.get("payload"));
                case "connectionStatus":
                    List<Object> users = user == null ? List.of() : List.of(Bson.document("user", user, "db", "$external"));
                    return Bson.document(
                        "authInfo", Bson.document("authenticatedUsers", users, "authenticatedUserRoles", List.of()),
                        "ok", 1.0);
                default:
                    return Bson.document("ok", 0.0, "errmsg", "no such command", "code", 59);
            }
        }

        private Map<String, Object> step(byte[] payload) {
            try {
                byte[] challenge = server.evaluateResponse(payload);
                if (server.isComplete()) {
                    user = server.getAuthorizationID();
                }
                return Bson.document(
                    "conversationId", 1, "done", server.isComplete(),
                    "payload", challenge == null ? new byte[0] : challenge, "ok", 1.0);
            } catch (SaslException error) {
                error.printStackTrace();
                return Bson.document(
                    "ok", 0.0, "errmsg", "Authentication failed.", "code", 18, "codeName", "AuthenticationFailed");
            }
        }
    }

    /** The few types that these commands and replies are made of. */
    private static final class Bson {
        static Map<String, Object> document(Object... keysAndValues) {
            Map<String, Object> document = new LinkedHashMap<>();
            for (int index = 0; index < keysAndValues.length; index += 2) {
                document.put((String) keysAndValues[index], keysAndValues[index + 1]);
            }
            return document;
        }

        static Map<String, Object> decode(ByteBuffer bytes) {
            Map<String, Object> document = new LinkedHashMap<>();
            bytes.getInt();
            for (byte type = bytes.get(); type != 0; type = bytes.get()) {
                String key = decodeCString(bytes);
                document.put(key, decodeValue(type, bytes));
            }
            return document;
        }

        private static Object decodeValue(byte type, ByteBuffer bytes) {
            switch (type) {
                case 0x01: return bytes.getDouble();
                case 0x02: {
                    byte[] text = take(bytes, bytes.getInt());
                    return new String(text, 0, text.length - 1, StandardCharsets.UTF_8);
                }
                case 0x03:
                case 0x04: return decode(bytes);
                case 0x05: {
                    int length = bytes.getInt();
                    bytes.get();
                    return take(bytes, length);
                }
                case 0x08: return bytes.get() != 0;
                case 0x10: return bytes.getInt();
                case 0x12: return bytes.getLong();
                default: throw new IllegalArgumentException("BSON type " + type);
            }
        }

        private static byte[] take(ByteBuffer bytes, int length) {
            byte[] taken = new byte[length];
            bytes.get(taken);
            return taken;
        }

        private static String decodeCString(ByteBuffer bytes) {
            ByteArrayOutputStream text = new ByteArrayOutputStream();
            for (byte next = bytes.get(); next != 0; next = bytes.get()) {
                text.write(next);
            }
            return text.toString(StandardCharsets.UTF_8);
        }

        static byte[] encode(Map<String, Object> document) {
            ByteArrayOutputStream elements = new ByteArrayOutputStream();
            document.forEach((key, value) -> encodeElement(key, value, elements));
            ByteBuffer bytes = ByteBuffer.allocate(elements.size() + 5).order(ByteOrder.LITTLE_ENDIAN);
            return bytes.putInt(bytes.capacity()).put(elements.toByteArray()).put((byte) 0).array();
        }

        private static void encodeElement(String key, Object value, ByteArrayOutputStream output) {
            byte[] name = (key + "\0").getBytes(StandardCharsets.UTF_8);
            ByteBuffer content;
            int type;
            if (value instanceof Double) {
                type = 0x01;
                content = little(8).putDouble((Double) value);
            } else if (value instanceof String) {
                type = 0x02;
                byte[] text = (value + "\0").getBytes(StandardCharsets.UTF_8);
                content = little(4 + text.length).putInt(text.length).put(text);
            } else if (value instanceof List) {
                type = 0x04;
                Map<String, Object> items = new LinkedHashMap<>();
                for (Object item : (List<?>) value) {
                    items.put(Integer.toString(items.size()), item);
                }
                content = ByteBuffer.wrap(encode(items));
            } else if (value instanceof byte[]) {
                type = 0x05;
                byte[] binary = (byte[]) value;
                content = little(5 + binary.length).putInt(binary.length).put((byte) 0).put(binary);
            } else if (value instanceof Boolean) {
                type = 0x08;
                content = little(1).put((byte) ((Boolean) value ? 1 : 0));
            } else if (value instanceof Integer) {
                type = 0x10;
                content = little(4).putInt((Integer) value);
            } else {
                type = 0x03;
                @SuppressWarnings("unchecked")
                Map<String, Object> inner = (Map<String, Object>) value;
                content = ByteBuffer.wrap(encode(inner));
            }
            output.write(type);
            output.writeBytes(name);
            output.writeBytes(content.array());
        }

        private static ByteBuffer little(int length) {
            return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        }
    }
}
