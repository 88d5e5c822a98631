internal import GSSCore
internal import GSSKerberos
internal import MongoAuth

/// What is known around a failure: what a diagnosis is made from.
struct Evidence: Sendable {
    /// Whom the last question went to.
    enum Party: Sendable, Hashable {
        case nobody
        case nameServer
        /// A KDC of a realm.
        case kdc(realm: String)
        case proxy
        case host
    }

    /// What was wanted of a KDC.
    enum Purpose: Sendable, Hashable {
        /// The user's own first ticket, so that all keys at play are the user's.
        case firstTicket
        /// A ticket for the service.
        case serviceTicket
        /// The ticket-granting ticket of another realm.
        case crossRealmTicket
    }

    /// What the user's identity was to be proven with.
    enum Material: Sendable, Hashable {
        case none
        case cache(name: String?)
        case keytab(path: String)
        case password
    }

    /// How far the conversation with the server had come.
    enum Stage: Int, Sendable, Comparable {
        /// Nothing that proves the user has been sent.
        case beforeToken
        /// Something has, and the server has proven nothing.
        case tokenSent
        /// The mechanism has the server's proof, and the server decides.
        case serverProven
        /// Both sides had agreed.
        case authenticated

        /// As reports have it.
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

    /// A host of a service that is not in the string: the DNS has chosen it.
    struct ChosenHost: Sendable, Hashable {
        enum Reason: Sendable, Hashable {
            /// CANONICALIZE_HOST_NAME: it is what the DNS makes of this one.
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
        /// The name of which the DNS has made this host; `nil` where the DNS was not asked.
        var alias: String?
    }

    /// Names and places, for causes and for commands; what is `nil` is a placeholder there.
    struct Names: Sendable, Hashable {
        var user: String?
        var service: String?
        var host: String?
        var port: UInt16?
        /// Who chose the service's host, where it was not the string.
        var chosenHost: ChosenHost?
        var cache: String?
        /// Whether that is the cache which `kinit` fills when it is told of none.
        var isDefaultCache = false
        /// Whose tickets the cache has.
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
        /// How far the server's clock is ahead of this machine's, by its own word.
        var serverClockOffset: Duration?
        /// By how much clocks may differ.
        var allowedClockSkew = Duration.seconds(300)
        /// The ticket that the server was shown.
        var serviceTicket: KerberosTicket?
        /// Whether that is a new one, as the first one was refused.
        var isTicketReplaced = false
        /// How many addresses were tried, and how many of them said no.
        var attempts = 0
        var refusals = 0
        /// The mechanisms that the server offers to the user; `nil` where it does not say.
        var offeredMechanisms: [String]?
        /// Whether the realm's KDCs are Active Directory's; `nil` where nobody knows.
        var isActiveDirectory: Bool?
        /// What each KDC of the realm did, in a few words.
        var kdcs: [String] = []
        /// Another name of the service that the KDC knows.
        var knownService: KnownService?
        /// Whether a KDC answers by datagrams, and nothing of it over connections.
        var isKDCWithoutConnections = false
        /// Whether the KDCs are asked through a proxy that speaks HTTPS.
        var isKDCBehindProxy = false
        /// Whether the port that hung up greets with TLS; `nil` where that was not tried.
        var speaksTLS: Bool?
    }

    /// What the connection string says.
    struct StringFacts: Sendable, Hashable {
        /// The name behind `mongodb+srv`.
        var seedlist: String?
        /// SERVICE_NAME and SERVICE_HOST, where they are given.
        var serviceName: String?
        var serviceHost: String?
        var usesTLS = false
        var namesMechanism = true

        var isSRV: Bool { seedlist != nil }
    }

    /// A file that was named and cannot be used.
    struct UnusableFile: Sendable, Hashable {
        var path: String
        var reason: String
        /// Whether it is one that can be looked at.
        var isFile = true
    }

    /// Records of the DNS.
    struct Record: Sendable, Hashable {
        var type: String
        var name: String
    }

    /// What the environment says of Kerberos.
    struct Variables: Sendable, Hashable {
        /// The file that KRB5_CONFIG names and that is not there.
        var missingConfiguration: String?
        /// What KRB5_CLIENT_KTNAME names, where that cannot be used.
        var unusableClientKeytab: UnusableFile?
        /// The server's keytab (KRB5_KTNAME or the default one), where it has a key of the user.
        var serverKeytabOfUser: String?
    }

    /// What went wrong, the most specific first: `kerberos.KRB5_FCC_NOFILE`, `tls.expired`, `server.18`, `auth.refused`.
    var codes: [String] = []
    /// What the error says.
    var message = ""
    var mechanism: String?
    var phase: CheckPhase?
    var stage = Stage.beforeToken
    var asked = Party.nobody
    var purpose: Purpose?
    var material = Material.none
    /// The Kerberos error beneath.
    var kerberos: KerberosFailure?
    /// The server's refusal of a command.
    var server: CommandFailure?
    /// The name in the DNS that it is about, and the type of its records.
    var record: Record?
    var names = Names()
    var measured = Measured()
    var string = StringFacts()
    var variables = Variables()

    var isKerberos: Bool { mechanism == "GSSAPI" }

    /// The words for causes and commands.
    var words: DiagnosisWords { DiagnosisWords(kerberos?.error, names) }

    func has(_ code: String) -> Bool { codes.contains(code) }

    /// Whether the message has these words, where no code tells as much.
    func says(_ words: String) -> Bool { !message.utf8.ranges(of: words.utf8).isEmpty }
}
