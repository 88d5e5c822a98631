import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslClient;
import org.ietf.jgss.GSSCredential;
import org.ietf.jgss.GSSManager;
import org.ietf.jgss.Oid;

/**
 * A client of GSSAcceptor that uses the SASL and GSS-API of the JDK. It sends a long text through the layer, and expects all
 * of it back.
 *
 *     java -Djava.security.krb5.conf=FILE JDKClient.java PORT CACHE QOP [--act-as NAME] [--delegate] [--channel-binding HEX]
 */
public final class JDKClient {
    private static final int MAXIMUM_LENGTH = 1 << 20;

    public static void main(String[] arguments) throws Exception {
        List<String> options = Arrays.asList(arguments).subList(3, arguments.length);
        int name = options.indexOf("--act-as");
        int binding = options.indexOf("--channel-binding");
        Subject.doAs(logIn(arguments[1]), (PrivilegedExceptionAction<Void>) () -> {
            talk(Integer.parseInt(arguments[0]), arguments[2], name < 0 ? null : options.get(name + 1),
                options.contains("--delegate"), binding < 0 ? null : options.get(binding + 1));
            return null;
        });
    }

    /** A subject with the tickets of a cache. */
    private static Subject logIn(String cache) throws Exception {
        Map<String, String> options = Map.of("useTicketCache", "true", "ticketCache", cache, "doNotPrompt", "true");
        AppConfigurationEntry entry = new AppConfigurationEntry(
            "com.sun.security.auth.module.Krb5LoginModule", AppConfigurationEntry.LoginModuleControlFlag.REQUIRED,
            options);
        LoginContext context = new LoginContext("client", null, null, new Configuration() {
            @Override
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {entry};
            }
        });
        context.login();
        return context.getSubject();
    }

    private static void talk(int port, String qop, String actAs, boolean delegates, String binding)
        throws Exception {
        Map<String, Object> properties = new HashMap<>(Map.of(Sasl.QOP, qop, Sasl.SERVER_AUTH, "true"));
        if (binding != null) {
            // The JDK's LDAP client passes the channel binding to SASL under this name (JDK-8245527).
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            data.writeBytes("tls-server-end-point:".getBytes(StandardCharsets.US_ASCII));
            data.writeBytes(HexFormat.of().parseHex(binding));
            properties.put("jdk.internal.sasl.tlschannelbinding", data.toByteArray());
        }
        if (delegates) {
            // The JDK delegates only a credential that it is given explicitly.
            properties.put(Sasl.CREDENTIALS, GSSManager.getInstance().createCredential(
                null, GSSCredential.DEFAULT_LIFETIME, new Oid("1.2.840.113554.1.2.2"), GSSCredential.INITIATE_ONLY));
        }
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(20_000);
            SaslClient client = Sasl.createSaslClient(
                new String[] {"GSSAPI"}, actAs, "echo", "localhost", properties, null);
            DataInputStream input = new DataInputStream(socket.getInputStream());
            DataOutputStream output = new DataOutputStream(socket.getOutputStream());
            System.out.println("authenticated as " + authenticate(client, input, output));

            String agreed = (String) client.getNegotiatedProperty(Sasl.QOP);
            boolean hasLayer = !agreed.equals("auth");
            int piece = hasLayer ? Integer.parseInt((String) client.getNegotiatedProperty(Sasl.RAW_SEND_SIZE)) : 4096;
            byte[] text = "The server returns this. ".repeat(10_000).getBytes(StandardCharsets.UTF_8);
            Thread writer = new Thread(() -> {
                try {
                    for (int start = 0; start < text.length; start += piece) {
                        int count = Math.min(piece, text.length - start);
                        if (hasLayer) {
                            byte[] wrapped = wrap(client, text, start, count);
                            output.writeInt(wrapped.length);
                            output.write(wrapped);
                        } else {
                            output.write(text, start, count);
                        }
                    }
                    output.flush();
                } catch (IOException error) {
                    System.out.println("cannot write: " + error.getMessage());
                }
            });
            writer.start();
            ByteArrayOutputStream echo = new ByteArrayOutputStream();
            while (echo.size() < text.length) {
                if (hasLayer) {
                    byte[] wrapped = read(input, input.readInt());
                    byte[] plain = unwrap(client, wrapped);
                    echo.write(plain);
                } else {
                    echo.write(input.readNBytes(1));
                }
            }
            writer.join();
            if (!Arrays.equals(echo.toByteArray(), text)) {
                throw new IOException("the echo differs from the text");
            }
            System.out.println(echo.size() + " bytes came back, qop " + agreed);
        }
    }

    private static String authenticate(
        SaslClient client, DataInputStream input, DataOutputStream output
    ) throws IOException {
        byte[] token = client.evaluateChallenge(new byte[0]);
        while (true) {
            output.writeInt(token.length);
            output.write(token);
            output.flush();
            byte[] message = read(input, input.readInt());
            byte[] content = Arrays.copyOfRange(message, 1, message.length);
            if (message[0] == 2) {
                throw new IOException("the server refused");
            }
            if (message[0] == 1) {
                if (!client.isComplete()) {
                    throw new IOException("the server reported success too early");
                }
                return new String(content, StandardCharsets.UTF_8);
            }
            token = client.evaluateChallenge(content);
        }
    }

    // Two threads, one writing and one reading, share the context.
    private static synchronized byte[] wrap(SaslClient client, byte[] text, int start, int count) throws IOException {
        return client.wrap(text, start, count);
    }

    private static synchronized byte[] unwrap(SaslClient client, byte[] wrapped) throws IOException {
        return client.unwrap(wrapped, 0, wrapped.length);
    }

    private static byte[] read(DataInputStream input, int length) throws IOException {
        if (length < 1 || length > MAXIMUM_LENGTH) {
            throw new IOException("a message of " + length + " bytes");
        }
        return input.readNBytes(length);
    }
}
