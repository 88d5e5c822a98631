public import SaslBSON

/// What a decoder of messages accepts from a peer, and what an encoder agrees to write.
public struct WireLimits: Sendable, Hashable {
    /// How many bytes a message may have, its header included.
    public var maximumMessageLength: Int
    /// What a document in a message may be. When a message is decoded, the number of elements is that of all its
    /// documents together, with every document and every section as one more.
    public var documents: BSONLimits

    /// Creates limits; by default 16 MiB + 16 KiB for a message, the most that a server announces before a client has
    /// authenticated, and 200 levels of nesting for a document.
    public init(maximumMessageLength: Int = 16 * 1024 * 1024 + 16 * 1024, documents: BSONLimits = .default) {
        self.maximumMessageLength = maximumMessageLength
        self.documents = documents
    }

    /// 16 MiB + 16 KiB for a message, 200 levels of nesting for a document.
    public static let `default` = WireLimits()

    /// As the default, but with at most 100,000 elements in a message, for peers that have not proven who they are: a
    /// handshake needs few, and a message of the shortest elements takes twenty times its size in memory.
    public static let beforeAuthentication = WireLimits(documents: BSONLimits(maximumElementCount: 100_000))
}
