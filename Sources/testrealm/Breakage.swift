import KerberosTestKit
import SaslConnectionString

/// How a case is made, and how it is fixed.
struct Breakage: Sendable {
    /// A change of the realm, and the equivalent command.
    enum Step: Sendable {
        /// A command for a shell in the realm's environment.
        case shell(String)
        /// The KDC is restarted.
        case startKDC

        func shown(in realm: String) -> String {
            switch self {
            case .shell(let command): command
            case .startKDC: "krb5kdc -r \(realm)"
            }
        }
    }

    /// A check, and the steps before it.
    struct Attempt: Sendable {
        /// The first steps.
        var steps: [Step] = []
        /// A remark besides the commands.
        var remark: String?
        /// The server that is started after the steps; `nil` keeps the running one.
        var server: Server?
        /// The user in the connection string.
        var user = "ann"
        /// The host in the connection string.
        var host = "localhost"
        /// Additional options of the connection string.
        var uriOptions = ""
        /// The arguments before authcheck's.
        var wrapper: [String] = []
        /// The arguments after authcheck's.
        var options: [String] = []
    }

    /// How a server is started.
    struct Server: Sendable {
        /// Those who may log in.
        var users = ["ann"]
        /// Further options of mongo-test-server.
        var options: [String] = []
    }

    var broken: Attempt
    var fixed: Attempt

    private init(_ broken: Attempt, fixed: Attempt = Attempt()) {
        self.broken = broken
        self.broken.server = broken.server ?? Server()
        self.fixed = fixed
    }

    private static let kinit = Step.shell("echo secret | kinit ann")

    /// How a case is made.
    ///
    /// - Parameters:
    ///   - folder: The realm's folder.
    ///   - kdc: The process id of the KDC.
    init(_ breakCase: BreakCase, folder: String, kdc: Int32) {
        switch breakCase {
        case .noTicket:
            self.init(Attempt(steps: [.shell("kdestroy")]), fixed: Attempt(steps: [Self.kinit]))
        case .expiredTicket:
            self.init(
                Attempt(steps: [.shell("echo secret | kinit -l 1s ann; while klist -s; do sleep 0.2; done")]),
                fixed: Attempt(steps: [Self.kinit]))
        case .unknownService:
            self.init(
                Attempt(steps: [.shell("kadmin.local -q 'delete_principal -force mongodb/localhost'")]),
                fixed: Attempt(steps: [
                    .shell("kadmin.local -q 'add_principal -randkey mongodb/localhost'"),
                    .shell(#"kadmin.local -q "ktadd -k $KRB5_KTNAME mongodb/localhost""#),
                ]))
        case .wrongHost:
            self.init(
                Attempt(remark: "the connection string, which names 127.0.0.1", host: "127.0.0.1"),
                fixed: Attempt(
                    remark: "SERVICE_HOST, which says whose principal is meant", host: "127.0.0.1",
                    uriOptions: "&authMechanismProperties=SERVICE_HOST:localhost"))
        case .wrongRealm:
            self.init(
                Attempt(steps: [
                    .shell(#"printf '[domain_realm]\n    localhost = OTHER.TEST\n' >>"$KRB5_CONFIG""#)
                ]), fixed: Attempt(steps: [.shell(#"sed -i '/OTHER.TEST/d' "$KRB5_CONFIG""#)]))
        case .wrongKey:
            self.init(
                Attempt(steps: [.shell("kadmin.local -q 'change_password -randkey mongodb/localhost'")]),
                fixed: Attempt(steps: [
                    .shell(#"kadmin.local -q "ktadd -norandkey -k $KRB5_KTNAME mongodb/localhost""#)
                ]))
        case .staleTicket:
            self.init(
                Attempt(
                    steps: [
                        .shell("kvno mongodb/localhost"),
                        .shell(
                            #"rm "$KRB5_KTNAME"; kadmin.local -q "ktadd -k $KRB5_KTNAME mongodb/localhost""#),
                    ],
                    remark:
                        "authcheck asks the KDC for a new ticket once the server has refused the first; where a client "
                        + "does not, its users have to run kinit", options: ["--details"]),
                fixed: Attempt(steps: [Self.kinit]))
        case .clockSkew:
            self.init(
                Attempt(
                    remark: "faketime, which makes authcheck see another time",
                    wrapper: ["faketime", "-m", "--exclude-monotonic", "-f", "-3600s"]),
                fixed: Attempt(remark: "the right time"))
        case .kdcSilent:
            self.init(
                Attempt(steps: [.shell("kill -STOP \(kdc)")], options: ["--timeout", "5s"]),
                fixed: Attempt(steps: [.shell("kill -CONT \(kdc)")]))
        case .kdcDown:
            self.init(
                Attempt(steps: [.shell("kill -KILL \(kdc)")]), fixed: Attempt(steps: [.startKDC]))
        case .refusedUser:
            self.init(
                Attempt(steps: [.shell("echo secret | kinit bob")], user: "bob"),
                fixed: Attempt(
                    remark:
                        "a server with --user bob@EXAMPLE.TEST=readWrite@demo, as createUser on $external does it for mongod",
                    server: Server(users: ["ann", "bob"]), user: "bob"))
        case .untrustedCertificate:
            let certificate = percentEncoded("\(folder)/certificate.pem", keeping: .optionValue)
            self.init(
                Attempt(
                    steps: [
                        .shell(
                            "cd \"$TESTREALM_FOLDER\"; openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=localhost "
                                + "-addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem; "
                                + "cat key.pem certificate.pem >server.pem")
                    ], server: Server(options: ["--tls-certificate-key-file", "\(folder)/server.pem"]),
                    uriOptions: "&tls=true"),
                fixed: Attempt(
                    remark: "tlsCAFile, which names the authority", uriOptions: "&tls=true&tlsCAFile=\(certificate)"))
        }
    }
}
