import Foundation
import SaslBSON

/// A KRB-ERROR (RFC 4120 section 5.9.1) as an acceptor's token (RFC 4121 section 4.1). No key is needed to make one.
enum KerberosErrorMessage {
    /// A day from now.
    static var tomorrow: BSONDatetime {
        BSONDatetime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000) + 86_400_000)
    }

    /// - Parameter code: The error's number in RFC 4120 section 7.5.9.
    static func token(_ code: UInt8) -> [UInt8] {
        let fields: [[UInt8]] = [
            tagged(0xA0, integer(5)), tagged(0xA1, integer(30)),
            tagged(0xA4, tagged(0x18, Array("20300101000000Z".utf8))), tagged(0xA5, integer(0)),
            tagged(0xA6, integer(code)), tagged(0xA9, text("EXAMPLE.TEST")),
            tagged(
                0xAA, tagged(0x30, tagged(0xA0, integer(2)) + tagged(0xA1, tagged(0x30, text("mongodb") + text("x"))))),
        ]
        let message = tagged(0x7E, tagged(0x30, fields.flatMap(\.self)))
        let mechanism: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02]
        return tagged(0x60, mechanism + [0x03, 0x00] + message)
    }

    private static func integer(_ value: UInt8) -> [UInt8] { tagged(0x02, [value]) }
    private static func text(_ text: String) -> [UInt8] { tagged(0x1B, Array(text.utf8)) }

    private static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let count = UInt8(content.count)
        return (count < 128 ? [tag, count] : [tag, 0x81, count]) + content
    }
}
