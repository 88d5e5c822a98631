internal import Crypto
internal import NameResolution
internal import SaslBSON
internal import SwiftASN1

extension PeerCertificate {
    /// Reads a certificate (RFC 5280 section 4.1).
    ///
    /// BoringSSL has parsed and verified it before; this is for reports and the check of names.
    /// - Throws: If it is not DER, or not a certificate.
    init(der bytes: [UInt8]) throws {
        let root = try DER.parse(bytes)
        self = try DER.sequence(root, identifier: .sequence) { certificate in
            guard let body = certificate.next() else { throw Self.malformed("it is empty") }
            guard let algorithm = certificate.next() else { throw Self.malformed("it has no signature") }
            // The signature is not needed.
            while certificate.next() != nil {}
            var read = try PeerCertificate(tbsCertificate: body, signedBy: try? Self.algorithm(algorithm))
            read.serverEndPoint = Self.digest(of: bytes, signedBy: algorithm)
            return read
        }
    }

    private static func digest(of bytes: [UInt8], signedBy algorithm: ASN1Node) -> [UInt8]? {
        guard let hash = try? hashName(of: algorithm) else { return nil }
        if hash.contains("sha384") { return Array(SHA384.hash(data: bytes)) }
        if hash.contains("sha512") { return Array(SHA512.hash(data: bytes)) }
        let isOlder = hash.contains("md5") || hash.contains("sha1")
        return isOlder || hash.contains("sha256") ? Array(SHA256.hash(data: bytes)) : nil
    }

    /// A name that contains that of the hash function, in lower case; empty if there is none, or an unknown one.
    private static func hashName(of signature: ASN1Node) throws -> String {
        let identifier = try algorithm(signature)
        guard identifier == [1, 2, 840, 113_549, 1, 1, 10] else {
            return signatureNames[identifier].map(asciiLowercased) ?? ""
        }
        // RSASSA-PSS-params (RFC 4055 section 3.1), where SHA-1 is the default.
        guard let parameters = try children(of: signature).dropFirst().first else {
            throw malformed("RSASSA-PSS has no parameters")
        }
        guard let hash = try children(of: parameters).first, hash.identifier == context(0) else { return "sha1" }
        guard let function = try children(of: hash).first else { throw malformed("RSASSA-PSS names no hash function") }
        return hashNames[try algorithm(function)] ?? ""
    }

    private init(tbsCertificate node: ASN1Node, signedBy signature: [UInt]?) throws {
        var fields = try Self.children(of: node)[...]
        if fields.first?.identifier == Self.context(0) { fields.removeFirst() }
        // Serial number and algorithm come first, the key and two rare identifiers last.
        guard fields.count >= 6 else { throw Self.malformed("it has too few fields") }
        let start = fields.startIndex
        let validity = try Self.children(of: fields[start + 3])
        guard validity.count == 2 else { throw Self.malformed("it has no period of validity") }
        var names: [AlternativeName]?
        var isForServers = true
        var maySignOthers = true
        for field in fields[(start + 6)...] where field.identifier == Self.context(3) {
            guard let extensions = try Self.children(of: field).first else { continue }
            names = try Self.value(of: [2, 5, 29, 17], in: extensions).map {
                try Self.children(of: $0).map(Self.alternativeName)
            }
            let usages = try? Self.value(of: [2, 5, 29, 37], in: extensions).map { usages in
                try Self.children(of: usages).map { try ASN1ObjectIdentifier(derEncoded: $0).oidComponents }
            }
            // serverAuth; neither BoringSSL nor OpenSSL takes anyExtendedKeyUsage for it.
            isForServers = usages?.contains([1, 3, 6, 1, 5, 5, 7, 3, 1]) ?? true
            // Bit 5, counted from the highest.
            let usage = try? Self.value(of: [2, 5, 29, 15], in: extensions).map {
                try ASN1BitString(derEncoded: $0).bytes
            }
            maySignOthers = usage.map { ($0.first ?? 0) & 0x04 != 0 } ?? true
        }
        self.init(
            subject: try DistinguishedName(fields[start + 4]).description,
            issuer: try DistinguishedName(fields[start + 2]).description,
            alternativeNames: names ?? [], hasAlternativeNames: names != nil,
            commonNames: (try? Self.commonNames(in: fields[start + 4])) ?? [], isForServers: isForServers,
            maySignOthers: maySignOthers,
            signatureAlgorithm: signature.map { Self.signatureNames[$0] ?? Self.dotted($0) } ?? "unknown",
            publicKey: (try? Self.publicKey(fields[start + 5])) ?? PublicKey(kind: "unknown"),
            notBefore: try Self.time(validity[0]), notAfter: try Self.time(validity[1]))
    }

    /// Whether a certificate has no unknown critical extension, and an extendedKeyUsage that can be read, if any
    /// (RFC 5280 section 4.2). BoringSSL checks that where it verifies a chain.
    static func isUnderstood(_ bytes: [UInt8]) -> Bool {
        guard let root = try? DER.parse(bytes), let body = try? children(of: root).first,
            let fields = try? children(of: body)
        else { return false }
        guard let field = fields.first(where: { $0.identifier == context(3) }) else { return true }
        guard let extensions = try? children(of: field).first, let items = try? children(of: extensions) else {
            return false
        }
        return items.allSatisfy { item in
            guard let parts = try? children(of: item), let first = parts.first, parts.count == 2 || parts.count == 3
            else { return false }
            let isCritical = parts.count == 3 && (try? Bool(derEncoded: parts[1])) != false
            guard let identifier = try? ASN1ObjectIdentifier(derEncoded: first).oidComponents,
                identifier.count == 4, identifier.starts(with: [2, 5, 29]), understood.contains(identifier[3])
            else { return !isCritical }
            guard identifier[3] == 37 else { return true }
            let usages = (try? value(of: identifier, in: extensions)).flatMap { $0 }.flatMap { try? children(of: $0) }
            return usages?.allSatisfy { (try? ASN1ObjectIdentifier(derEncoded: $0)) != nil } ?? false
        }
    }

    /// The last number of extensions that may be critical: basicConstraints, keyUsage, extendedKeyUsage, and the
    /// alternative names.
    private static let understood: Set<UInt> = [15, 17, 19, 37]

    /// - Returns: `nil` if there is no such extension.
    private static func value(of wanted: [UInt], in extensions: ASN1Node) throws -> ASN1Node? {
        for item in try children(of: extensions) {
            let fields = try children(of: item)
            // An identifier that is too long for the parser is a different one.
            guard let identifier = fields.first, let value = fields.last,
                (try? ASN1ObjectIdentifier(derEncoded: identifier).oidComponents) == wanted
            else { continue }
            return try DER.parse(ASN1OctetString(derEncoded: value).bytes)
        }
        return nil
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

    private static func algorithm(_ node: ASN1Node) throws -> [UInt] {
        guard let identifier = try children(of: node).first else { throw malformed("an algorithm has no name") }
        return try ASN1ObjectIdentifier(derEncoded: identifier).oidComponents
    }

    private static func publicKey(_ node: ASN1Node) throws -> PublicKey {
        let fields = try children(of: node)
        guard fields.count == 2 else { throw malformed("it has no key") }
        let algorithm = try algorithm(fields[0])
        switch algorithm {
        case [1, 2, 840, 113_549, 1, 1, 1], [1, 2, 840, 113_549, 1, 1, 10]:
            let key = try DER.parse(ASN1BitString(derEncoded: fields[1]).bytes)
            guard let modulus = try children(of: key).first, case .primitive(let content) = modulus.content else {
                throw malformed("its key has no modulus")
            }
            let digits = content.drop { $0 == 0 }
            let bits = digits.first.map { digits.count * 8 - $0.leadingZeroBitCount } ?? 0
            return PublicKey(kind: algorithm.last == 10 ? "RSA-PSS" : "RSA", bits: bits)
        case [1, 2, 840, 10045, 2, 1]:
            let curve = try children(of: fields[0]).last.map { try ASN1ObjectIdentifier(derEncoded: $0).oidComponents }
            return PublicKey(kind: curve.map { curves[$0] ?? dotted($0) } ?? "EC")
        default:
            return PublicKey(kind: keyNames[algorithm] ?? dotted(algorithm))
        }
    }

    private static func dotted(_ identifier: [UInt]) -> String {
        identifier.map { "\($0)" }.joined(separator: ".")
    }

    private static let keyNames: [[UInt]: String] = [
        [1, 3, 101, 112]: "Ed25519", [1, 3, 101, 113]: "Ed448", [1, 2, 840, 10040, 4, 1]: "DSA",
    ]

    private static let curves: [[UInt]: String] = [
        [1, 2, 840, 10045, 3, 1, 7]: "P-256", [1, 3, 132, 0, 34]: "P-384", [1, 3, 132, 0, 35]: "P-521",
        [1, 3, 132, 0, 10]: "secp256k1",
    ]

    private static let signatureNames: [[UInt]: String] = [
        [1, 2, 840, 113_549, 1, 1, 4]: "md5WithRSAEncryption", [1, 2, 840, 113_549, 1, 1, 5]: "sha1WithRSAEncryption",
        [1, 2, 840, 113_549, 1, 1, 10]: "RSASSA-PSS", [1, 2, 840, 113_549, 1, 1, 11]: "sha256WithRSAEncryption",
        [1, 2, 840, 113_549, 1, 1, 12]: "sha384WithRSAEncryption",
        [1, 2, 840, 113_549, 1, 1, 13]: "sha512WithRSAEncryption", [1, 2, 840, 10045, 4, 1]: "ecdsa-with-SHA1",
        [1, 2, 840, 10045, 4, 3, 2]: "ecdsa-with-SHA256", [1, 2, 840, 10045, 4, 3, 3]: "ecdsa-with-SHA384",
        [1, 2, 840, 10045, 4, 3, 4]: "ecdsa-with-SHA512", [1, 3, 101, 112]: "Ed25519",
    ]

    private static let hashNames: [[UInt]: String] = [
        [1, 3, 14, 3, 2, 26]: "sha1", [2, 16, 840, 1, 101, 3, 4, 2, 1]: "sha256",
        [2, 16, 840, 1, 101, 3, 4, 2, 2]: "sha384", [2, 16, 840, 1, 101, 3, 4, 2, 3]: "sha512",
    ]

    /// The common names of a subject, without the escapes of a distinguished name.
    private static func commonNames(in subject: ASN1Node) throws -> [String] {
        try children(of: subject).flatMap { set in
            try children(of: set).compactMap { attribute in
                let parts = try children(of: attribute)
                guard parts.count == 2, try ASN1ObjectIdentifier(derEncoded: parts[0]).oidComponents == [2, 5, 4, 3]
                else { return nil }
                return DistinguishedName.printable(DistinguishedName.text(parts[1]))
            }
        }
    }

    static func time(_ node: ASN1Node) throws -> Int64 {
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

    static func children(of node: ASN1Node) throws -> [ASN1Node] {
        guard case .constructed(let nodes) = node.content else { throw malformed("a field has no parts") }
        return Array(nodes)
    }

    private static func context(_ number: UInt) -> ASN1Identifier {
        ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific)
    }

    private static func malformed(_ reason: String) -> ASN1Error {
        .invalidASN1Object(reason: "not a certificate: \(reason)")
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
        return "\(keyword)=\(escaped(text(parts[1])))"
    }

    static func text(_ node: ASN1Node) -> String {
        guard case .primitive(let content) = node.content else { return "?" }
        switch node.identifier {
        case .bmpString:
            let units = stride(from: content.startIndex, to: content.endIndex - 1, by: 2).map {
                UInt16(content[$0]) << 8 | UInt16(content[$0 + 1])
            }
            return String(decoding: units, as: UTF16.self)
        case .teletexString:
            return String(String.UnicodeScalarView(content.map { Unicode.Scalar($0) }))
        default:
            return String(decoding: content, as: UTF8.self)
        }
    }

    /// Escapes separators, and spaces that would get lost (RFC 4514 section 2.4).
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
