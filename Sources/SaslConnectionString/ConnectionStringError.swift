/// Why a text is not a connection string, and where.
///
/// Neither the message nor the part's label ever repeats text from the connection string, other than the names of
/// options and properties that the specifications define: a malformed string may have its password anywhere.
public struct ConnectionStringError: Error, Sendable, Hashable {
    /// What kind of failure this is. The set is open: new codes may be added, so a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The text does not begin with `mongodb://` or `mongodb+srv://`.
        public static let invalidScheme = Code(value: "invalid-scheme")
        /// More bytes, hosts or properties than a connection string may have.
        public static let tooLarge = Code(value: "too-large")
        /// A control character, for example a line break at the end.
        public static let invalidCharacter = Code(value: "invalid-character")
        /// A percent sign without two hexadecimal digits, or escapes that do not decode to UTF-8.
        public static let invalidEncoding = Code(value: "invalid-encoding")
        /// The user name or password holds characters that must be percent-encoded.
        public static let invalidUserInfo = Code(value: "invalid-userinfo")
        /// No host is given.
        public static let missingHost = Code(value: "missing-host")
        /// A host that is neither a host name, an IP address, an IP literal nor a socket path.
        public static let invalidHost = Code(value: "invalid-host")
        /// A port that is not a number from 1 to 65535, or one where none is allowed.
        public static let invalidPort = Code(value: "invalid-port")
        /// The database holds a character that no database name may have.
        public static let invalidDatabase = Code(value: "invalid-database")
        /// An option without `=`, or with a value that must not be ignored.
        public static let invalidOption = Code(value: "invalid-option")
        /// Options that conflict with each other, or with the hosts or the scheme.
        public static let conflictingOptions = Code(value: "conflicting-options")
        /// `authMechanism` is not a mechanism of the driver authentication specification.
        public static let unsupportedMechanism = Code(value: "unsupported-mechanism")
        /// User name, password, source or properties do not fit the mechanism.
        public static let invalidCredential = Code(value: "invalid-credential")
        /// A TXT record with anything but `authSource`, `replicaSet` and `loadBalanced`, or a malformed one.
        public static let invalidTXTRecord = Code(value: "invalid-txt-record")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person: what is wrong, and how to write it instead. Never holds text of the string.
    public var message: String
    /// Where, as a number of UTF-8 bytes from the start of the string (or of the TXT record).
    public var offset: Int
    /// Which part of the string: `scheme`, `userinfo`, `host 2`, `database`, `options: authMechanism`, `TXT record`.
    public var part: String

    /// Creates an error.
    public init(_ code: Code, _ message: String, offset: Int, part: String) {
        self.code = code
        self.message = message
        self.offset = offset
        self.part = part
    }
}

extension ConnectionStringError: CustomStringConvertible {
    /// The code, the message and the place.
    public var description: String { "\(code): \(message) (\(part), byte \(offset))" }
}
