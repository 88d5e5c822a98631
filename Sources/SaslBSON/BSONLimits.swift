/// What a decoder accepts from a peer, and what an encoder agrees to write.
public struct BSONLimits: Sendable, Hashable {
    /// How deep documents and arrays may be nested; the outermost document is level 1.
    public var maximumNestingDepth: Int

    /// How many elements one document may have in all its levels together.
    ///
    /// A decoded element takes about 40 bytes, one on the wire as few as two. Before a peer has authenticated, lower
    /// this limit so that a small message cannot claim much memory.
    public var maximumElementCount: Int

    /// How many bytes one encoded document may have: 5 for an empty one, to `Int32.max`, the format's own limit. Other
    /// numbers are clamped to this range.
    public var maximumDocumentLength: Int {
        didSet { maximumDocumentLength = Self.possibleLength(maximumDocumentLength) }
    }

    private static func possibleLength(_ length: Int) -> Int {
        min(max(length, 5), Int(Int32.max))
    }

    /// Creates limits; by default 200 levels and only the format's own limits.
    public init(
        maximumNestingDepth: Int = 200, maximumElementCount: Int = .max, maximumDocumentLength: Int = Int(Int32.max)
    ) {
        self.maximumNestingDepth = maximumNestingDepth
        self.maximumElementCount = maximumElementCount
        self.maximumDocumentLength = Self.possibleLength(maximumDocumentLength)
    }

    /// 200 levels, and no other limits than the format's own.
    public static let `default` = BSONLimits()
}
