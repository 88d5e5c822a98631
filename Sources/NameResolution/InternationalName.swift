internal import TextNormalization

/// Non-ASCII host names in the form of the DNS, certificates and Kerberos: with A-labels
/// (RFC 5890), as `xn--mnchen-3ya.example`.
package enum InternationalName {
    /// A host name with each non-ASCII label as an A-label. ASCII names, paths and addresses are unchanged.
    ///
    /// Letters are mapped to lower case and to Unicode's form KC first (RFC 5895). The result must consist of letters,
    /// digits, marks that follow something, and `-`.
    ///
    /// - Throws: ``NameResolutionError/Code/invalidName``.
    package static func ascii(_ name: String) throws(NameResolutionError) -> String {
        guard name.utf8.contains(where: { $0 >= 0x80 }) else { return name }
        // RFC 3490 section 3.1: periods of other scripts.
        let labels = name.unicodeScalars.split(omittingEmptySubsequences: false) { scalar in
            [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"].contains(scalar)
        }
        var converted: [String] = []
        for label in labels { converted.append(try ascii(label: Array(label), of: name)) }
        let text = converted.joined(separator: ".")
        guard text.utf8.count <= 254 else {
            throw NameResolutionError(
                .invalidName, name: String(name.prefix(64)), "has more than 253 characters in its ASCII form (RFC 5890)"
            )
        }
        return text
    }

    private static func ascii(label: [Unicode.Scalar], of name: String) throws(NameResolutionError) -> String {
        guard label.contains(where: { !$0.isASCII }) else {
            return asciiLowercased(String(String.UnicodeScalarView(label)))
        }
        let mapped = Normalization.compatibilityComposed(
            label.flatMap { $0.properties.lowercaseMapping.unicodeScalars }.filter { !isIgnored($0) })
        guard !mapped.isEmpty, mapped.allSatisfy(isAllowed), mapped.first.map(isMark) == false,
            mapped.first != "-", mapped.last != "-"
        else {
            throw NameResolutionError(
                .invalidName, name: String(name.prefix(64)),
                "has a label that is not valid for a host: it has letters, digits and '-' (RFC 5890)")
        }
        let text = mapped.allSatisfy(\.isASCII) ? mapped : Array("xn--".unicodeScalars) + Punycode.encode(mapped)
        guard text.count <= 63 else {
            throw NameResolutionError(
                .invalidName, name: String(name.prefix(64)),
                "has a label with more than 63 characters in its ASCII form (RFC 5890)")
        }
        return String(String.UnicodeScalarView(text))
    }

    /// What RFC 3454 table B.1 maps to nothing, except the joiners, which some scripts need.
    private static func isIgnored(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xAD, 0x34F, 0x1806, 0x180B...0x180D, 0x200B, 0x2060, 0xFE00...0xFE0F, 0xFEFF: true
        default: false
        }
    }

    private static func isJoiner(_ scalar: Unicode.Scalar) -> Bool { (0x200C...0x200D).contains(scalar.value) }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark: true
        default: isJoiner(scalar)
        }
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .lowercaseLetter, .otherLetter, .modifierLetter, .decimalNumber: true
        // The middle dot is part of a letter in Catalan (RFC 5892 appendix A.3).
        default: isMark(scalar) || scalar == "-" || scalar == "_" || scalar == "\u{B7}"
        }
    }
}

/// Punycode (RFC 3492), with the parameters of section 5.
private enum Punycode {
    private static let (base, minimum, maximum) = (36, 1, 26)
    private static let (skew, damp) = (38, 700)

    /// The encoded label, without prefix. Its input is at most as long as a host name, so nothing overflows.
    static func encode(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var output = scalars.filter(\.isASCII)
        let basicCount = output.count
        if basicCount > 0 { output.append("-") }
        var (next, delta, bias, handled) = (0x80, 0, 72, basicCount)
        while handled < scalars.count, let smallest = scalars.lazy.map({ Int($0.value) }).filter({ $0 >= next }).min() {
            delta += (smallest - next) * (handled + 1)
            next = smallest
            for value in scalars.lazy.map({ Int($0.value) }) {
                if value < next { delta += 1 }
                guard value == next else { continue }
                encode(delta, bias: bias, into: &output)
                bias = adapted(delta, count: handled + 1, isFirst: handled == basicCount)
                delta = 0
                handled += 1
            }
            delta += 1
            next += 1
        }
        return output
    }

    /// One number as digits of the generalized variable-length form (section 3.3).
    private static func encode(_ number: Int, bias: Int, into output: inout [Unicode.Scalar]) {
        var rest = number
        for position in stride(from: base, through: .max, by: base) {
            let threshold = min(max(position - bias, minimum), maximum)
            guard rest >= threshold else { break }
            output.append(digit(threshold + (rest - threshold) % (base - threshold)))
            rest = (rest - threshold) / (base - threshold)
        }
        output.append(digit(rest))
    }

    private static func digit(_ value: Int) -> Unicode.Scalar {
        Unicode.Scalar(UInt8(value < 26 ? 97 + value : 22 + value))
    }

    private static func adapted(_ delta: Int, count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / damp : delta / 2
        delta += delta / count
        var position = 0
        while delta > (base - minimum) * maximum / 2 {
            delta /= base - minimum
            position += base
        }
        return position + (base - minimum + 1) * delta / (delta + skew)
    }
}
