internal import BlockingWork
public import GSSCore
public import NameResolution

/// Why there is no ticket.
public struct KerberosCredentialError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// No cache, keytab or key to start from.
        public static let noCredentials = Code(value: "no-credentials")
        /// The credentials belong to a user other than the named one.
        public static let wrongUser = Code(value: "wrong-user")
        /// A KDC refused the user: an unknown, revoked or expired account, a wrong password or key. A manager remembers
        /// it and does not ask again: for a password or key 15 minutes, for an account 60 seconds.
        public static let rejected = Code(value: "rejected")
        /// The deadline passed while waiting for a KDC.
        public static let kdcTimeout = Code(value: "kdc-timeout")
        /// The deadline passed while waiting for something else, which the message names.
        public static let deadlineExceeded = Code(value: "deadline-exceeded")
        /// The deadline passed before a thread was free to ask a KDC: all were waiting for others.
        public static let threadsBusy = Code(value: "threads-busy")
        /// All threads for blocking calls are busy, or the system cannot start one.
        public static let noWorker = Code(value: "no-worker")
        /// A part of the service's name is empty.
        public static let invalidService = Code(value: "invalid-service")
        /// Any other failure of Kerberos.
        public static let kerberos = Code(value: "kerberos")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person. Never holds a secret.
    public var message: String
    /// The Kerberos error, if that is the cause.
    public var underlying: GSSError?
    /// The name resolution error, if a host name is the cause.
    public var nameResolution: NameResolutionError?

    /// Creates an error.
    public init(
        _ code: Code, _ message: String, underlying: GSSError? = nil, nameResolution: NameResolutionError? = nil
    ) {
        self.code = code
        self.message = message
        self.underlying = underlying
        self.nameResolution = nameResolution
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}

extension KerberosCredentialError {
    /// The codes of a KDC's refusal after which asking again can only do harm.
    private static let refusalsOfKeys: Set<String> = [
        "KRB5KDC_ERR_PREAUTH_FAILED", "KRB5KRB_AP_ERR_BAD_INTEGRITY", "KRB5_PREAUTH_FAILED",
    ]
    private static let refusalsOfAccounts: Set<String> = [
        "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", "KRB5KDC_ERR_CLIENT_REVOKED", "KRB5KDC_ERR_NAME_EXP", "KRB5KDC_ERR_KEY_EXP",
    ]

    /// Whether the password or key was refused, and not the account.
    var isAboutKey: Bool {
        underlying.flatMap { KerberosFailure($0).symbolicName }.map(Self.refusalsOfKeys.contains) == true
    }

    /// A failure to get a user's first ticket.
    init(firstTicketOf identity: KerberosIdentity, _ error: GSSError) {
        let isFinal =
            error.call.hasPrefix("krb5_get_init_creds")
            && KerberosFailure(error).symbolicName.map {
                Self.refusalsOfKeys.contains($0) || Self.refusalsOfAccounts.contains($0)
            } == true
        let isLocal =
            ["krb5_cc_", "krb5_kt_"].contains(where: error.call.hasPrefix) || error.major.routineError == .noCredential
        self.init(
            isFinal ? .rejected : isLocal ? .noCredentials : .kerberos,
            "no Kerberos credential for \(identity.userText): \(error.message)", underlying: error)
    }

    init(_ mismatch: KerberosCacheMismatch) {
        self.init(
            .wrongUser,
            "the user is \(mismatch.wanted), but the Kerberos credentials in \(mismatch.cache ?? "the default cache") are "
                + "those of \(mismatch.found)",
            underlying: mismatch.underlying)
    }

    /// Converts errors of the modules below into this module's form.
    ///
    /// - Parameter late: The code for a deadline that passes.
    static func translating<R>(
        late: Code = .deadlineExceeded, _ body: () async throws -> R
    ) async throws -> R {
        do {
            return try await body()
        } catch let error as BlockingWorkError {
            let isShortage = late == .kdcTimeout && !error.hasBegun
            let code: Code = error.code != .deadlineExceeded ? .noWorker : isShortage ? .threadsBusy : late
            throw KerberosCredentialError(code, error.message)
        } catch let error as KerberosCacheMismatch {
            throw KerberosCredentialError(error)
        } catch let error as GSSError {
            throw KerberosCredentialError(.kerberos, error.message, underlying: error)
        }
    }
}
