internal import SASL
internal import TextNormalization

/// SASLprep (RFC 4013): the profile of stringprep (RFC 3454) that makes different encodings of one password equal.
///
/// Strings are prepared as "stored strings", as RFC 5802 section 2.2 requires: scalars that are not in Unicode
/// 3.2, such as emoji, are refused.
package enum SaslPrep {
    /// Why a string cannot be prepared. It does not say where in the string, which may be a password.
    package enum Failure: Error, Hashable {
        /// The bytes are not UTF-8.
        case notUTF8
        /// A character that RFC 4013 section 2.3 prohibits, such as a control character.
        case prohibited
        /// Right-to-left and left-to-right text in one string (section 2.4).
        case mixedDirections
        /// A character that is not in Unicode 3.2 (section 2.5).
        case unassigned
        /// Nothing is left of a string that must not be empty.
        case empty

        /// What to tell a person.
        package var reason: String {
            switch self {
            case .notUTF8: "is not UTF-8"
            case .prohibited: "has a character that SASLprep (RFC 4013) prohibits, such as a control character"
            case .mixedDirections: "mixes right-to-left and left-to-right text, which SASLprep (RFC 4013) prohibits"
            case .unassigned: "has a character newer than Unicode 3.2, such as an emoji, which SASLprep prohibits"
            case .empty: "has no character that SASLprep (RFC 4013) keeps"
            }
        }
    }

    /// Prepares a string, from UTF-8 to UTF-8. Printable ASCII comes back as it is.
    package static func prepare(_ bytes: some Collection<UInt8>) throws(Failure) -> [UInt8] {
        if bytes.allSatisfy({ (0x20...0x7E).contains($0) }) { return Array(bytes) }
        var scalars = try decode(bytes)
        defer { wipe(&scalars) }

        // U+200B is in both tables. RFC 4013 names the spaces first.
        var mapped: [Unicode.Scalar] = []
        for scalar in scalars {
            if nonASCIISpaces.contains(scalar) {
                mapped.append(" ")
            } else if !mappedToNothing.contains(scalar) {
                mapped.append(scalar)
            }
        }
        defer { wipe(&mapped) }
        if mapped.contains(where: isUnassigned) { throw .unassigned }

        var normalized = Normalization.compatibilityComposed(mapped)
        defer { wipe(&normalized) }
        if normalized.contains(where: isProhibited) { throw .prohibited }
        if normalized.contains(where: rightToLeft.contains) {
            guard !normalized.contains(where: leftToRight.contains),
                let first = normalized.first, rightToLeft.contains(first),
                let last = normalized.last, rightToLeft.contains(last)
            else { throw .mixedDirections }
        }
        var prepared: [UInt8] = []
        for scalar in normalized { prepared.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
        return prepared
    }

    private static func decode(_ bytes: some Collection<UInt8>) throws(Failure) -> [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): scalars.append(scalar)
            case .emptyInput: return scalars
            case .error: throw .notUTF8
            }
        }
    }

    /// Table A.1 of RFC 3454. Surrogates and noncharacters are no part of it; they are prohibited anyway.
    package static func isUnassigned(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value & 0xFFFE != 0xFFFE, !(0xFDD0...0xFDEF).contains(scalar.value) else { return false }
        guard let age = scalar.properties.age else { return true }
        return age.major > 3 || age.major == 3 && age.minor > 2
    }

    /// Tables C.1.2 to C.9 of RFC 3454.
    package static func isProhibited(_ scalar: Unicode.Scalar) -> Bool {
        prohibited.contains(scalar) || scalar.value & 0xFFFE == 0xFFFE
    }

    /// Table C.1.2.
    package static let nonASCIISpaces = ScalarRanges("A0 1680 2000-200B 202F 205F 3000")

    /// Table B.1.
    package static let mappedToNothing = ScalarRanges("AD 34F 1806 180B-180D 200B-200D 2060 FE00-FE0F FEFF")

    /// Tables C.1.2, C.2.1, C.2.2, C.3, C.4 (without the last two scalars of each plane), C.6, C.7, C.8 and C.9.
    private static let prohibited = ScalarRanges(
        """
        0-1F 7F-A0 340-341 6DD 70F 1680 180E 2000-200F 2028-202F 205F-2063 206A-206F 2FF0-2FFB 3000 \
        E000-F8FF FDD0-FDEF FEFF FFF9-FFFD 1D173-1D17A E0001 E0020-E007F F0000-FFFFD 100000-10FFFD
        """)
}

/// A set of scalars as ranges, in ascending order.
package struct ScalarRanges: Sendable {
    private let ranges: [ClosedRange<UInt32>]

    /// Reads `first-last` and single scalars, hexadecimal and separated by spaces.
    package init(_ text: String) {
        ranges = text.split(separator: " ").compactMap { item in
            let bounds = item.split(separator: "-").compactMap { UInt32($0, radix: 16) }
            guard let first = bounds.first, let last = bounds.last, first <= last else { return nil }
            return first...last
        }
    }

    package func contains(_ scalar: Unicode.Scalar) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar.value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(scalar.value)
    }
}
