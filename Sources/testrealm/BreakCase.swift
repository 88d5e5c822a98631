import Glibc
import KerberosTestKit

/// A common failure that `demo --break` shows.
enum BreakCase: String, CaseIterable, Sendable {
    case noTicket = "no-ticket"
    case expiredTicket = "expired-ticket"
    case unknownService = "unknown-service"
    case wrongHost = "wrong-host"
    case wrongRealm = "wrong-realm"
    case wrongKey = "wrong-key"
    case staleTicket = "stale-ticket"
    case clockSkew = "clock-skew"
    case kdcSilent = "kdc-silent"
    case kdcDown = "kdc-down"
    case refusedUser = "refused-user"
    case untrustedCertificate = "untrusted-certificate"

    /// The expected verdict of authcheck.
    struct Verdict: Sendable, Hashable {
        /// The class of the failure, or `ok`.
        var name: String
        /// The exit status that goes with it.
        var status: Int32
    }

    /// What is broken, in a line.
    var summary: String {
        switch self {
        case .noTicket: "the user has no ticket"
        case .expiredTicket: "the user's ticket has expired"
        case .unknownService: "the KDC does not know the server's principal"
        case .wrongHost: "the connection string has an address where the principal has a name"
        case .wrongRealm: "krb5.conf puts the server's host into another realm"
        case .wrongKey: "the server's key was changed at the KDC, and not in the server's keytab"
        case .staleTicket: "the cached ticket is for a key that the server no longer has"
        case .clockSkew: "this machine's clock is an hour behind"
        case .kdcSilent: "the KDC takes requests and does not answer"
        case .kdcDown: "nothing listens on the KDC's port"
        case .refusedUser: "the user is authenticated, and has no account on the server"
        case .untrustedCertificate: "the server's certificate is from an unknown authority"
        }
    }

    /// The expected verdict of authcheck.
    var verdict: Verdict {
        switch self {
        case .noTicket: Verdict(name: "no-credentials", status: 20)
        case .expiredTicket: Verdict(name: "credentials-rejected", status: 22)
        case .unknownService, .wrongHost, .wrongRealm: Verdict(name: "service-unknown", status: 23)
        case .wrongKey, .refusedUser: Verdict(name: "refused", status: 30)
        case .staleTicket: Verdict(name: "ok", status: 0)
        case .clockSkew: Verdict(name: "clock-skew", status: 24)
        case .kdcSilent, .kdcDown: Verdict(name: "kdc-unreachable", status: 21)
        case .untrustedCertificate: Verdict(name: "tls", status: 12)
        }
    }

    /// The program, and the Debian package, that only this case needs.
    private var toolName: String? {
        switch self {
        case .clockSkew: "faketime"
        case .untrustedCertificate: "openssl"
        default: nil
        }
    }

    /// The path of that program.
    func tool() throws -> String? {
        guard let name = toolName else { return nil }
        return try KerberosTool(name: name, package: name).locate(
            searching: getenv("PATH").map { String(cString: $0) } ?? "")
    }

    /// A line for each case.
    static var list: String {
        (allCases.map { ($0.rawValue, $0.summary + ($0.toolName.map { " (needs \($0))" } ?? "")) }
            + [("all", "every case, one after the other, and a table at the end")])
            .map { name, summary in "  \(name.padded(to: nameWidth))\(summary)" }.joined(separator: "\n")
    }

    /// The width of a column of names.
    static let nameWidth = 24
}

extension String {
    /// Padded with blanks for a column.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - unicodeScalars.count))
    }
}
