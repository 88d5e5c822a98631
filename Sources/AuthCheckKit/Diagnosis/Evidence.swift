internal import GSSCore
internal import GSSKerberos
internal import MongoAuth

/// What is known about a failure: the input of a diagnosis.
struct Evidence: Sendable {
    /// The receiver of the last request.
    enum Party: Sendable, Hashable {
        case nobody
        case nameServer
        /// A KDC of a realm.
        case kdc(realm: String)
        case proxy
        case host
    }

    /// What was requested from a KDC.
    enum Purpose: Sendable, Hashable {
        /// The user's first ticket, so that all keys involved are the user's.
        case firstTicket
        /// A ticket for the service.
        case serviceTicket
        /// The ticket-granting ticket of another realm.
        case crossRealmTicket
    }

    /// The source of the user's credentials.
    enum Material: Sendable, Hashable {
        case none
        case cache(name: String?)
        case keytab(path: String)
        case password
    }

    /// How far the conversation with the server had got.
    enum Stage: Int, Sendable, Comparable {
        /// No proof of the user's identity has been sent.
        case beforeToken
        /// It has been sent, and the server has proven nothing.
        case tokenSent
        /// The mechanism has verified the server's proof, and the server decides.
        case serverProven
        /// Both sides had completed the authentication.
        case authenticated

        /// The name in reports.
        var name: String {
            switch self {
            case .beforeToken: "before-token"
            case .tokenSent: "token-sent"
            case .serverProven: "server-proven"
            case .authenticated: "authenticated"
            }
        }

        static func < (one: Stage, other: Stage) -> Bool { one.rawValue < other.rawValue }
    }

    /// A service's host that is not in the string: the DNS chose it.
    struct ChosenHost: Sendable, Hashable {
        enum Reason: Sendable, Hashable {
            /// CANONICALIZE_HOST_NAME: it is the canonical name of this one.
            case canonical(of: String)
            /// `mongodb+srv`: it is in the records of this one.
            case records(of: String)
        }

        var host: String
        var reason: Reason
    }

    /// Another name of the service that the KDC knows.
    struct KnownService: Sendable, Hashable {
        /// The service and its host, as a principal has them.
        var name: String
        /// What to write into authMechanismProperties.
        var properties: String
        /// The name whose canonical name this is; `nil` if the DNS was not asked.
        var alias: String?
    }

    /// Names and locations, for causes and commands; `nil` becomes a placeholder there.
    struct Names: Sendable, Hashable {
        var user: String?
        var service: String?
        var host: String?
        var port: UInt16?
        /// What chose the service's host, if it was not the string.
        var chosenHost: ChosenHost?
        var cache: String?
        /// Whether that is the default cache of `kinit`.
        var isDefaultCache = false
        /// The owner of the cache.
        var cacheOwner: String?
        var keytab: String?
        var configurationFile: String?
        var defaultRealm: String?
        /// The realm whose KDC was asked.
        var askedRealm: String?
    }

    /// What was measured.
    struct Measured: Sendable, Hashable {
        /// How far the clock of the user's KDC is ahead of this machine's.
        var kdcClockOffset: Duration?
        /// How far the server's clock is ahead of this machine's, by its own claim.
        var serverClockOffset: Duration?
        /// The allowed clock skew.
        var allowedClockSkew = Duration.seconds(300)
        /// The ticket that was sent to the server.
        var serviceTicket: KerberosTicket?
        /// Whether that is a new one, as the first one was refused.
        var isTicketReplaced = false
        /// How many addresses were tried, and how many of them refused.
        var attempts = 0
        var refusals = 0
        /// The mechanisms that the server offers to the user; `nil` if it does not say.
        var offeredMechanisms: [String]?
        /// Whether the realm's KDCs are Active Directory's; `nil` if unknown.
        var isActiveDirectory: Bool?
        /// The result of each KDC of the realm, in a few words.
        var kdcs: [String] = []
        /// Another name of the service that the KDC knows.
        var knownService: KnownService?
        /// Whether a KDC answers over UDP but not over TCP.
        var isKDCWithoutConnections = false
        /// Whether the KDCs are reached through an HTTPS proxy.
        var isKDCBehindProxy = false
        /// Whether the port that closed the connection speaks TLS; `nil` if that was not tried.
        var speaksTLS: Bool?
    }

    /// What the connection string says.
    struct StringFacts: Sendable, Hashable {
        /// The name in a `mongodb+srv` string.
        var seedlist: String?
        /// SERVICE_NAME and SERVICE_HOST, if given.
        var serviceName: String?
        var serviceHost: String?
        var usesTLS = false
        var namesMechanism = true

        var isSRV: Bool { seedlist != nil }
    }

    /// A named file that cannot be used.
    struct UnusableFile: Sendable, Hashable {
        var path: String
        var reason: String
        /// Whether it is a file on disk.
        var isFile = true
    }

    /// Records of the DNS.
    struct Record: Sendable, Hashable {
        var type: String
        var name: String
    }

    /// The Kerberos variables of the environment.
    struct Variables: Sendable, Hashable {
        /// The file that KRB5_CONFIG names, if it does not exist.
        var missingConfiguration: String?
        /// What KRB5_CLIENT_KTNAME names, if that cannot be used.
        var unusableClientKeytab: UnusableFile?
        /// The server's keytab (KRB5_KTNAME or the default one), if it has a key of the user.
        var serverKeytabOfUser: String?
    }

    /// The codes of the error, the most specific first: `kerberos.KRB5_FCC_NOFILE`, `tls.expired`, `server.18`,
    /// `auth.refused`.
    var codes: [String] = []
    /// The error's message.
    var message = ""
    var mechanism: String?
    var phase: CheckPhase?
    var stage = Stage.beforeToken
    var asked = Party.nobody
    var purpose: Purpose?
    var material = Material.none
    /// The underlying Kerberos error.
    var kerberos: KerberosFailure?
    /// The server's refusal of a command.
    var server: CommandFailure?
    /// The DNS name that it is about, and the type of its records.
    var record: Record?
    var names = Names()
    var measured = Measured()
    var string = StringFacts()
    var variables = Variables()

    var isKerberos: Bool { mechanism == "GSSAPI" }

    /// The words for causes and commands.
    var words: DiagnosisWords { DiagnosisWords(kerberos?.error, names) }

    func has(_ code: String) -> Bool { codes.contains(code) }

    /// Whether the message has these words, if no code is specific enough.
    func says(_ words: String) -> Bool { !message.utf8.ranges(of: words.utf8).isEmpty }
}
