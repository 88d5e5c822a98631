/// An ASCII letter in lower case; every other byte as it is.
package func asciiLowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// A host name for a comparison without regard to case, as in the DNS (RFC 4343): Unicode's rules would make different
/// names equal, such as those with the Kelvin sign and `k`.
package func asciiLowercased(_ text: String) -> String {
    String(decoding: text.utf8.map(asciiLowercased), as: UTF8.self)
}

/// A host name without the period that makes it absolute.
package func withoutFinalPeriod(_ name: String) -> String {
    name.utf8.last == UInt8(ascii: ".") ? String(name.unicodeScalars.dropLast()) : name
}
