/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): reflected, polynomial 0x1EDC6F41.
///
/// Eight bytes per step with eight table look-ups: messages can be 16 MiB long.
package enum CRC32C {
    /// Table `n` (at `256 * n`) has the effect of one byte that is followed by `n` zero bytes.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = (0..<256).map(effect(ofByte:))
        for index in 256..<2048 {
            let previous = tables[index - 256]
            tables.append((previous >> 8) ^ tables[Int(previous & 0xFF)])
        }
        return tables
    }()

    private static func effect(ofByte byte: UInt32) -> UInt32 {
        var value = byte
        for _ in 0..<8 {
            value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1
        }
        return value
    }

    /// The checksum of bytes.
    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        tables.withUnsafeBufferPointer { tables in
            var crc = UInt32.max
            var position = 0
            while bytes.count - position >= 8 {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) ^ UInt64(crc)
                crc = 0
                for byte in 0..<8 {
                    let index = Int((word >> UInt64(8 * byte)) & 0xFF)
                    crc ^= tables[256 * (7 - byte) + index]
                }
                position += 8
            }
            for byte in bytes[position...] {
                crc = (crc >> 8) ^ tables[Int((crc ^ UInt32(byte)) & 0xFF)]
            }
            return ~crc
        }
    }
}
