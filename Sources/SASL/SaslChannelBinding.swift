/// Binds an authentication to the TLS connection that carries it (RFC 5056), which excludes a man in the middle: data
/// that both ends of the same connection know, and that differs on any other.
public struct SaslChannelBinding: Sendable, Hashable {
    /// The kind of a binding, by its registered name.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        /// The name as it goes over the wire.
        public let rawValue: String

        /// Checks and keeps a name: letters, digits, `.` and `-` (RFC 5056 section 7.1).
        public init?(_ rawValue: String) {
            let isName = rawValue.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard isName, (1...64).contains(rawValue.utf8.count) else { return nil }
            self.rawValue = rawValue
        }

        private init(checked rawValue: String) {
            self.rawValue = rawValue
        }

        /// A hash of the server's certificate (RFC 5929 section 4).
        public static let tlsServerEndPoint = Kind(checked: "tls-server-end-point")
        /// Keying material of the connection (RFC 9266): the only kind of TLS 1.3 that is unique to a connection.
        public static let tlsExporter = Kind(checked: "tls-exporter")
        /// The first Finished message (RFC 5929 section 3): TLS 1.2 and older only.
        public static let tlsUnique = Kind(checked: "tls-unique")

        /// The name as it goes over the wire.
        public var description: String { rawValue }
    }

    /// Which data of the connection it is.
    public var kind: Kind
    /// The data, without the name in front of it.
    public var data: [UInt8]

    /// Creates a binding.
    public init(_ kind: Kind, data: [UInt8]) {
        self.kind = kind
        self.data = data
    }
}
