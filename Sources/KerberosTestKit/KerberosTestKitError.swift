/// Why a test realm could not be started, changed or used.
public struct KerberosTestKitError: Error, Sendable {
    /// What kind of failure this is. The set is open: new codes may be added, so a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// A name, password or setting cannot be used, for example because it holds a line break.
        public static let invalidArgument = Code(value: "invalid-argument")
        /// The realm's backend does not support it, for example policies with Samba's KDC.
        public static let unsupported = Code(value: "unsupported")
        /// A Kerberos program is not installed; the message names the package that has it.
        public static let toolMissing = Code(value: "tool-missing")
        /// A Kerberos program reported an error, see ``KerberosTestKitError/standardError``.
        public static let toolFailed = Code(value: "tool-failed")
        /// The KDC did not start or did not become ready.
        public static let kdcFailed = Code(value: "kdc-failed")
        /// No port was free on the loopback addresses.
        public static let noLoopbackPort = Code(value: "no-loopback-port")
        /// A file of the realm could not be written or read.
        public static let fileSystem = Code(value: "file-system")
        /// The realm was stopped, or its guard process has ended.
        public static let stopped = Code(value: "stopped")
        /// The task was cancelled while a Kerberos program ran.
        public static let cancelled = Code(value: "cancelled")
        /// The deadline passed.
        public static let deadline = Code(value: "deadline")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person: what happened, and what to change if that is known. Never holds a password.
    public var message: String
    /// The failed program's standard error; empty if no program was involved.
    public var standardError: String
    /// The error that caused this one, for example one of the Subprocess package.
    public var underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, standardError: String = "", underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.standardError = standardError
        self.underlying = underlying
    }
}

extension KerberosTestKitError: CustomStringConvertible {
    /// The code and the message, then the program's output and the cause, if there are any.
    public var description: String {
        var text = "\(code): \(message)"
        if !standardError.isEmpty {
            text += "\n\(standardError)"
        }
        if let underlying {
            text += " (\(underlying))"
        }
        return text
    }
}
