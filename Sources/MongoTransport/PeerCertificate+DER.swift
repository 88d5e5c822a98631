internal import NameResolution
internal import SaslBSON
internal import SwiftASN1

extension PeerCertificate {
    /// Reads a certificate (RFC 5280 section 4.1).
    ///
    /// BoringSSL has read it before and judges it; this is for what people and the check of names need to know.
    /// - Throws: What is not DER, or not a certificate.
    init(der bytes: [UInt8]) throws {
        let root = try DER.parse(bytes)
        self = try DER.sequence(root, identifier: .sequence) { certificate in
            guard let body = certificate.next() else { throw Self.malformed("it is empty") }
            // The signature is not our business.
            while certificate.next() != nil {}
            return try PeerCertificate(tbsCertificate: body)
        }
    }

    private init(tbsCertificate node: ASN1Node) throws {
        var fields = try Self.children(of: node)[...]
        if fields.first?.identifier == Self.context(0) { fields.removeFirst() }
        // Serial number and algorithm come first, the key and two rare identifiers last.
        guard fields.count >= 6 else { throw Self.malformed("it has too few fields") }
        let start = fields.startIndex
        let validity = try Self.children(of: fields[start + 3])
        guard validity.count == 2 else { throw Self.malformed("it has no period of validity") }
        var names: [AlternativeName] = []
        for field in fields[(start + 6)...] where field.identifier == Self.context(3) {
            guard let extensions = try Self.children(of: field).first else { continue }
            names = try Self.alternativeNames(in: extensions)
        }
        self.init(
            subject: try DistinguishedName(fields[start + 4]).description,
            issuer: try DistinguishedName(fields[start + 2]).description,
            alternativeNames: names,
            notBefore: try Self.time(validity[0]), notAfter: try Self.time(validity[1]))
    }

    private static func alternativeNames(in extensions: ASN1Node) throws -> [AlternativeName] {
        for item in try children(of: extensions) {
            let fields = try children(of: item)
            guard let identifier = fields.first, let value = fields.last,
                try ASN1ObjectIdentifier(derEncoded: identifier).oidComponents == [2, 5, 29, 17]
            else { continue }
            let encoded = try ASN1OctetString(derEncoded: value)
            return try children(of: DER.parse(encoded.bytes)).map(alternativeName)
        }
        return []
    }

    private static func alternativeName(_ node: ASN1Node) -> AlternativeName {
        guard case .primitive(let content) = node.content else { return .other }
        switch node.identifier {
        case context(2):
            return .dnsName(DistinguishedName.printable(String(decoding: content, as: UTF8.self)))
        case context(7):
            return IPAddress(bytes: Array(content)).map(AlternativeName.ipAddress) ?? .other
        default:
            return .other
        }
    }

    private static func time(_ node: ASN1Node) throws -> Int64 {
        if node.identifier == .utcTime {
            let time = try UTCTime(derEncoded: node)
            return UTCDate.seconds(
                year: time.year, month: time.month, day: time.day, hours: time.hours, minutes: time.minutes,
                seconds: time.seconds)
        }
        let time = try GeneralizedTime(derEncoded: node)
        return UTCDate.seconds(
            year: time.year, month: time.month, day: time.day, hours: time.hours, minutes: time.minutes,
            seconds: time.seconds)
    }

    fileprivate static func children(of node: ASN1Node) throws -> [ASN1Node] {
        guard case .constructed(let nodes) = node.content else { throw malformed("a field has no parts") }
        return Array(nodes)
    }

    private static func context(_ number: UInt) -> ASN1Identifier {
        ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific)
    }

    private static func malformed(_ reason: String) -> ASN1Error {
        .invalidASN1Object(reason: "no certificate: \(reason)")
    }
}

/// A name of X.501 as text, in the form of RFC 4514: the last part first.
private struct DistinguishedName: CustomStringConvertible {
    let description: String

    private static let keywords: [[UInt]: String] = [
        [2, 5, 4, 3]: "CN", [2, 5, 4, 5]: "serialNumber", [2, 5, 4, 6]: "C", [2, 5, 4, 7]: "L", [2, 5, 4, 8]: "ST",
        [2, 5, 4, 9]: "STREET", [2, 5, 4, 10]: "O", [2, 5, 4, 11]: "OU", [2, 5, 4, 12]: "title",
        [1, 2, 840, 113_549, 1, 9, 1]: "emailAddress", [0, 9, 2342, 19_200_300, 100, 1, 1]: "UID",
        [0, 9, 2342, 19_200_300, 100, 1, 25]: "DC",
    ]

    init(_ node: ASN1Node) throws {
        let parts = try PeerCertificate.children(of: node).map { set in
            try PeerCertificate.children(of: set).map(Self.attribute).joined(separator: "+")
        }
        description = Self.printable(parts.reversed().joined(separator: ","))
    }

    /// A text of bounded length without control characters.
    static func printable(_ text: String) -> String {
        var bounded = BoundedText(limit: 512)
        bounded.appendEscaped(text)
        return bounded.text
    }

    private static func attribute(_ node: ASN1Node) throws -> String {
        let parts = try PeerCertificate.children(of: node)
        guard parts.count == 2 else { return "?" }
        let identifier = try ASN1ObjectIdentifier(derEncoded: parts[0]).oidComponents
        let keyword = keywords[identifier] ?? identifier.map { "\($0)" }.joined(separator: ".")
        return "\(keyword)=\(value(parts[1]))"
    }

    private static func value(_ node: ASN1Node) -> String {
        guard case .primitive(let content) = node.content else { return "?" }
        switch node.identifier {
        case .bmpString:
            let units = stride(from: content.startIndex, to: content.endIndex - 1, by: 2).map {
                UInt16(content[$0]) << 8 | UInt16(content[$0 + 1])
            }
            return escaped(String(decoding: units, as: UTF16.self))
        case .teletexString:
            return escaped(String(String.UnicodeScalarView(content.map { Unicode.Scalar($0) })))
        default:
            return escaped(String(decoding: content, as: UTF8.self))
        }
    }

    /// Escapes what would end or join a part, and spaces that would get lost (RFC 4514 section 2.4).
    private static func escaped(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = ""
        for (offset, scalar) in scalars.enumerated() {
            let isAtEdge = offset == 0 || offset == scalars.count - 1
            if "\"+,;<>\\".unicodeScalars.contains(scalar) || (scalar == " " && isAtEdge)
                || (scalar == "#" && offset == 0)
            {
                result += "\\"
            }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
