internal import CKerberosGSSAPI
public import GSSCore

/// What a GSS or Kerberos error means for the one who has to mend it.
public struct KerberosFailure: Sendable, Hashable {
    /// The kinds of failure that call for different actions. The set is open.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case noCredentials = "no-credentials"
            case kdcUnreachable = "kdc-unreachable"
            case credentialsRejected = "credentials-rejected"
            case serviceUnknown = "service-unknown"
            case clockSkew = "clock-skew"
            case refused
            case serverNotProven = "server-not-proven"
            case other = "kerberos"
        }

        private let value: Value

        /// No cache, keytab or principal to start from.
        public static let noCredentials = Kind(value: .noCredentials)
        /// No KDC of the realm could be found or answered.
        public static let kdcUnreachable = Kind(value: .kdcUnreachable)
        /// The credentials are expired or revoked, or the KDC does not take them.
        public static let credentialsRejected = Kind(value: .credentialsRejected)
        /// The service principal is not in the Kerberos database.
        public static let serviceUnknown = Kind(value: .serviceUnknown)
        /// The clocks of this machine and of the KDC or server are too far apart.
        public static let clockSkew = Kind(value: .clockSkew)
        /// The server cannot do anything with the ticket: its keytab lacks the key.
        public static let refused = Kind(value: .refused)
        /// The server's proof of its identity is wrong.
        public static let serverNotProven = Kind(value: .serverNotProven)
        /// Anything else.
        public static let other = Kind(value: .other)

        /// The kind's stable, hyphenated name.
        public var description: String { value.rawValue }
    }

    /// The names that a hint can put into the commands it advises. What is `nil` is a placeholder there.
    public struct Names: Sendable, Hashable {
        /// The user's principal.
        public var user: String?
        /// The service's principal.
        public var service: String?
        /// The server's host.
        public var host: String?
        /// The cache, by its full name.
        public var cache: String?
        /// Whether that is the cache which `kinit` fills when it is told of none.
        public var isDefaultCache = false
        /// The client's keytab.
        public var keytab: String?
        /// The configuration file.
        public var configurationFile: String?
        /// How far the other side's clock is ahead of this machine's.
        public var clockOffset: Duration?

        /// Names nothing.
        public init() {}
    }

    /// The error: the call that failed, both status codes and the library's texts for them.
    public var error: GSSError
    /// The name of the minor status in MIT's headers, for example `KRB5_FCC_NOFILE`: what to search for.
    public var symbolicName: String?
    /// The kind of failure.
    public var kind: Kind
    /// What to do, in a sentence; `nil` where nothing better than the error's own text is known.
    public var hint: String?

    /// Reads an error.
    ///
    /// - Parameter names: What is known of who wanted what, for the hint.
    public init(_ error: GSSError, names: Names = Names()) {
        self.error = error
        let code = Int32(bitPattern: error.minor)
        symbolicName = cgss_kerberos_error_name(code).map { String(cString: $0) }
        let words = KerberosHintWords(error, names)
        let row = Self.row(for: error, code)
        kind = row.kind
        hint = row.hint?(words)
    }

    /// Whether the failure is about time, so that a clock that is wrong can be behind it.
    public var dependsOnClocks: Bool {
        kind == .clockSkew || ["KRB5KRB_AP_ERR_TKT_EXPIRED", "KRB5KRB_AP_ERR_TKT_NYV"].contains(symbolicName)
    }

    /// What to do about clocks that differ.
    ///
    /// - Parameter offset: How far the other side's clock is ahead of this machine's.
    public static func hint(forClockOffset offset: Duration) -> String {
        "\(KerberosHintWords.sentence(offset)): synchronize this machine (`timedatectl`, `chronyc tracking`) and the "
            + "other side"
    }
}
