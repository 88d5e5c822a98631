public import SaslBSON

/// What a decoder of messages accepts from a peer, and what an encoder agrees to write.
public struct WireLimits: Sendable, Hashable {
    /// How many bytes a message may have, its header included.
    public var maximumMessageLength: Int
    /// What a document in a message may be. When a message is decoded, the number of elements is that of all its
    /// documents together, with every document and every section as one more.
    public var documents: BSONLimits

    /// Creates limits; by default 48,000,000 bytes for a message, the most that servers announce, and 200 levels of
    /// nesting for a document.
    public init(maximumMessageLength: Int = 48_000_000, documents: BSONLimits = .default) {
        self.maximumMessageLength = maximumMessageLength
        self.documents = documents
    }

    /// 48,000,000 bytes for a message, 200 levels of nesting for a document.
    public static let `default` = WireLimits()

    /// For the reply to hello: 1 MiB, otherwise as ``beforeAuthentication``.
    public static let hello = WireLimits(maximumMessageLength: 1 << 20, documents: beforeAuthentication.documents)

    /// For unauthenticated peers: 2 MiB, which has room for the largest token, and at most 100,000 elements
    /// in a message. A handshake needs few, and a message of the shortest elements takes twenty times its size in
    /// memory.
    public static let beforeAuthentication = WireLimits(
        maximumMessageLength: 2 << 20, documents: BSONLimits(maximumElementCount: 100_000))
}
