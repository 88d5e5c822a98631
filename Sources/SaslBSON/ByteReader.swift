/// Reads the primitives of BSON from memory. Every read is checked against a limit first, so none is out of bounds.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    /// The offset of the next byte.
    private(set) var position: Int

    /// `position` must lie within `bytes`.
    init(bytes: UnsafeRawBufferPointer, position: Int) {
        self.bytes = bytes
        self.position = position
    }

    /// The number of bytes in the whole input.
    var count: Int { bytes.count }

    /// Reads one byte that must lie before `limit`.
    mutating func readByte(before limit: Int) throws(BSONError) -> UInt8 {
        try require(1, before: limit)
        defer { position += 1 }
        return bytes[position]
    }

    /// Reads a little-endian integer that must lie before `limit`.
    mutating func readInteger<Number: FixedWidthInteger>(
        _: Number.Type = Number.self, before limit: Int
    ) throws(BSONError) -> Number {
        let size = MemoryLayout<Number>.size
        try require(size, before: limit)
        defer { position += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    /// Reads `count` bytes, not negative, that must lie before `limit`.
    mutating func readBytes(_ count: Int, before limit: Int) throws(BSONError) -> UnsafeRawBufferPointer {
        try require(count, before: limit)
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
    }

    /// Reads up to a NUL that must lie before `limit`, and skips it.
    mutating func readCString(before limit: Int) throws(BSONError) -> UnsafeRawBufferPointer {
        let start = position
        let end = min(limit, bytes.count)
        guard start <= end, let terminator = bytes[start..<end].firstIndex(of: 0) else {
            throw BSONError(.missingTerminator, "No NUL ends the key or C string.", offset: end)
        }
        position = terminator + 1
        return UnsafeRawBufferPointer(rebasing: bytes[start..<terminator])
    }

    /// Reads a length-prefixed string that must lie before `limit`.
    mutating func readString(before limit: Int) throws(BSONError) -> String {
        let lengthOffset = position
        let length = Int(try readInteger(Int32.self, before: limit))
        let available = min(limit, bytes.count) - position
        guard length >= 1, length <= available else {
            throw BSONError(
                .invalidLength, "A string has a length of \(length) where 1 to \(available) are possible.",
                offset: lengthOffset)
        }
        let start = position
        let content = try readBytes(length - 1, before: limit)
        guard try readByte(before: limit) == 0 else {
            throw BSONError(.missingTerminator, "A string does not end with NUL.", offset: position - 1)
        }
        return try Self.text(content, at: start)
    }

    /// The text that bytes found at an offset hold.
    static func text(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(BSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw BSONError(.invalidUTF8, "A key or string is not valid UTF-8.", offset: offset)
        }
        return text
    }

    private func require(_ count: Int, before limit: Int) throws(BSONError) {
        let end = min(limit, bytes.count)
        guard position <= end, count <= end - position else {
            throw BSONError(.truncated, "The bytes end inside a value.", offset: end)
        }
    }
}
