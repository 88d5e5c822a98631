internal import SaslConnectionString

/// Why a `mongodb+srv` string could not be resolved to servers.
public struct SeedlistError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The name does not exist, or has no SRV record.
        public static let noHosts = Code(value: "no-hosts")
        /// There was no DNS answer, or a malformed one: the same look-up may succeed later.
        public static let lookUpFailed = Code(value: "look-up-failed")
        /// The deadline passed before the answers came.
        public static let deadlineExceeded = Code(value: "deadline-exceeded")
        /// An SRV record points to a host outside the domain of the string's host.
        public static let foreignHost = Code(value: "foreign-host")
        /// An SRV record without a host name or without a port.
        public static let invalidHost = Code(value: "invalid-host")
        /// There are more hosts than ``Seedlist/maximumHosts``.
        public static let tooManyHosts = Code(value: "too-many-hosts")
        /// There are several TXT records, or one with anything but the options that it may have.
        public static let invalidTXTRecord = Code(value: "invalid-txt-record")
        /// The string, its hosts and its TXT record conflict.
        public static let conflictingOptions = Code(value: "conflicting-options")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// The queried name, or the host in a record.
    public var name: String
    /// One sentence for a person: what is wrong and, if known, what to change.
    public var message: String
    /// The underlying error, if there is one.
    public var underlying: (any Error)?
    /// Which of the name's records it is about.
    public var recordType: RecordType?

    /// A type of record that was asked for.
    @nonexhaustive
    public enum RecordType: String, Sendable, Hashable, CustomStringConvertible {
        /// The servers.
        case srv = "SRV"
        /// The options.
        case txt = "TXT"

        /// The type's mnemonic.
        public var description: String { rawValue }
    }

    /// Creates an error.
    public init(
        _ code: Code, name: String, _ message: String, recordType: RecordType? = nil, underlying: (any Error)? = nil
    ) {
        self.recordType = recordType
        self.code = code
        self.name = name
        self.message = message
        self.underlying = underlying
    }

    init(_ error: ConnectionStringError, name: String) {
        let code: Code = error.code == .invalidTXTRecord ? .invalidTXTRecord : .conflictingOptions
        self.init(
            code, name: name, error.message, recordType: code == .invalidTXTRecord ? .txt : nil, underlying: error)
    }

    /// The code, the name and the message.
    public var description: String { "\(code): \(name): \(message)" }
}
