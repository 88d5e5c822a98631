extension BSONDocument {
    /// Decodes bytes that are exactly one document.
    ///
    /// Bytes in contiguous memory (`[UInt8]`, `ArraySlice`, `UnsafeRawBufferPointer`) are read in place.
    /// - Throws: `BSONError`; its offset counts from the first of `bytes`.
    public init(decoding bytes: some Collection<UInt8>, limits: BSONLimits = .default) throws(BSONError) {
        let result = bytes.withContiguousStorageIfAvailable {
            Self.decodeAll(UnsafeRawBufferPointer($0), limits: limits)
        }
        self = try (result ?? Array(bytes).withUnsafeBytes { Self.decodeAll($0, limits: limits) }).get()
    }

    /// Decodes the document that starts at an offset of a larger buffer.
    /// - Parameters:
    ///   - bytes: The buffer; what follows the document is ignored.
    ///   - offset: Where the document starts; from 0 to the buffer's size.
    ///   - limits: What to accept.
    /// - Returns: The document, and how many bytes it takes.
    /// - Throws: `BSONError`; its offset counts from the first of `bytes`, not from `offset`.
    public static func decodePrefix(
        of bytes: UnsafeRawBufferPointer, at offset: Int = 0, limits: BSONLimits = .default
    ) throws(BSONError) -> (document: BSONDocument, consumed: Int) {
        guard offset >= 0, offset <= bytes.count else {
            throw BSONError(.truncated, "The document would start past the end.", offset: bytes.count)
        }
        var decoder = DocumentDecoder(bytes: bytes, position: offset, limits: limits)
        let document = try decoder.decode()
        return (document, decoder.position - offset)
    }

    /// Decodes the document at the start of bytes that may go on after it.
    /// - Returns: The document, and how many bytes it takes.
    /// - Throws: `BSONError`; its offset counts from the first of `bytes`.
    public static func decodePrefix(
        of bytes: some Collection<UInt8>, limits: BSONLimits = .default
    ) throws(BSONError) -> (document: BSONDocument, consumed: Int) {
        func decode(_ raw: UnsafeRawBufferPointer) -> Result<(document: BSONDocument, consumed: Int), BSONError> {
            do throws(BSONError) {
                return .success(try decodePrefix(of: raw, at: 0, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        let result = bytes.withContiguousStorageIfAvailable { decode(UnsafeRawBufferPointer($0)) }
        return try (result ?? Array(bytes).withUnsafeBytes { decode($0) }).get()
    }

    /// Decodes the document at the start of a buffer, and takes its elements off a budget that several documents share.
    /// - Throws: `BSONError`; with code `tooManyElements` if the budget does not suffice.
    package static func decodePrefix(
        of bytes: UnsafeRawBufferPointer, limits: BSONLimits, elementBudget: inout Int
    ) throws(BSONError) -> (document: BSONDocument, consumed: Int) {
        var limits = limits
        limits.maximumElementCount = Swift.min(limits.maximumElementCount, elementBudget)
        var decoder = DocumentDecoder(bytes: bytes, position: 0, limits: limits)
        let document = try decoder.decode()
        elementBudget -= decoder.elementCount
        return (document, decoder.position)
    }

    private static func decodeAll(
        _ bytes: UnsafeRawBufferPointer, limits: BSONLimits
    ) -> Result<BSONDocument, BSONError> {
        do throws(BSONError) {
            let (document, consumed) = try decodePrefix(of: bytes, at: 0, limits: limits)
            guard consumed == bytes.count else {
                throw BSONError(
                    .trailingBytes, "\(bytes.count - consumed) bytes follow the document.", offset: consumed)
            }
            return .success(document)
        } catch {
            return .failure(error)
        }
    }

    /// Encodes the document.
    /// - Throws: `BSONError` with code `embeddedNUL`, `nestingTooDeep`, `tooManyElements` or `documentTooLarge`.
    public func encoded(limits: BSONLimits = .default) throws(BSONError) -> [UInt8] {
        var bytes: [UInt8] = []
        try encode(into: &bytes, limits: limits)
        return bytes
    }

    /// Appends the encoded document to bytes, which are as they were if it throws.
    /// - Throws: As `encoded(limits:)`.
    public func encode(into bytes: inout [UInt8], limits: BSONLimits = .default) throws(BSONError) {
        let start = bytes.count
        do throws(BSONError) {
            var encoder = DocumentEncoder(start: start, limits: limits)
            try encoder.encode(self, into: &bytes)
        } catch {
            bytes.removeSubrange(start...)
            throw error
        }
    }
}
