internal import SwiftASN1

/// The certificates that authorities have revoked (RFC 5280 section 5), from a file given by the user.
///
/// As in drivers on OpenSSL, the server's certificate needs a current list of its issuer; those of intermediate
/// authorities are not checked. In doubt the certificate is refused. The signatures of the lists are not checked: the
/// issuer's certificate is not available (decision 16).
struct RevocationLists: Sendable {
    /// The status of a certificate in the lists. Times are in seconds since 1970.
    enum Finding: Equatable {
        case good
        /// When it was revoked.
        case revoked(Int64)
        case noList
        /// When the last list of the issuer ended.
        case outdated(Int64)
        /// When the first list of the issuer begins.
        case notYetValid(Int64)
    }

    private struct List {
        var thisUpdate: Int64
        var nextUpdate = Int64.max
        /// When each serial number was revoked.
        var revoked: [[UInt8]: Int64] = [:]
    }

    /// All lists of each issuer, by its encoded name. An issuer has several after a change of its key.
    private var lists: [[UInt8]: [List]] = [:]

    /// - Throws: Why the file cannot be used.
    init(file: String) throws {
        self = try PEMFile.withContents(of: file) { try RevocationLists(contents: $0) }
    }

    /// - Parameter contents: Lists in PEM form, perhaps among other blocks, or one in DER form.
    init(contents: [UInt8]) throws {
        for bytes in try Self.encodedLists(in: contents) {
            do {
                try add(bytes)
            } catch let error as PEMFile.Failure {
                throw error
            } catch {
                throw Self.unfit("it is damaged")
            }
        }
    }

    private static func encodedLists(in contents: [UInt8]) throws -> [[UInt8]] {
        let (blocks, isCut) = PEMFile.blocks("X509 CRL", in: contents)
        guard !isCut else { throw unfit("it is damaged") }
        if blocks.isEmpty {
            guard contents.first == 0x30 else {
                throw PEMFile.Failure(description: "it holds no revocation list (X509 CRL)")
            }
            return [contents]
        }
        return try blocks.map { block in
            guard let document = try? PEMDocument(pemString: String(decoding: block, as: UTF8.self)) else {
                throw unfit("it is damaged")
            }
            return document.derBytes
        }
    }

    private mutating func add(_ bytes: [UInt8]) throws {
        guard let body = try PeerCertificate.children(of: DER.parse(bytes)).first else {
            throw Self.unfit("it is empty")
        }
        var fields = try PeerCertificate.children(of: body)[...]
        // A version, which version 1 does not have; an algorithm.
        if fields.first?.identifier == .integer { fields.removeFirst() }
        fields = fields.dropFirst()
        guard let issuer = fields.popFirst(), let thisUpdate = fields.popFirst() else {
            throw Self.unfit("it has too few fields")
        }
        var list = List(thisUpdate: try PeerCertificate.time(thisUpdate))
        if let next = fields.first, next.identifier == .utcTime || next.identifier == .generalizedTime {
            list.nextUpdate = try PeerCertificate.time(next)
            fields.removeFirst()
        }
        if let revoked = fields.first, revoked.identifier == .sequence {
            for entry in try PeerCertificate.children(of: revoked) {
                let parts = try PeerCertificate.children(of: entry)
                guard parts.count >= 2 else { throw Self.unfit("an entry has no date") }
                try parts.dropFirst(2).forEach(Self.checkExtensions)
                list.revoked[try Self.serialNumber(parts[0])] = try PeerCertificate.time(parts[1])
            }
            fields.removeFirst()
        }
        for extensions in fields {
            try PeerCertificate.children(of: extensions).forEach(Self.checkExtensions)
        }
        lists[Array(issuer.encodedBytes), default: []].append(list)
    }

    /// A list of changes since another one, and one for some certificates only. According to the RFC both are critical,
    /// but not all issuers mark them so.
    private static let partial: [[UInt]] = [[2, 5, 29, 27], [2, 5, 29, 28]]

    /// A critical extension changes the meaning of a list (RFC 5280 sections 5.2 and 5.3).
    private static func checkExtensions(_ extensions: ASN1Node) throws {
        for item in try PeerCertificate.children(of: extensions) {
            let fields = try PeerCertificate.children(of: item)
            let identifier = try fields.first.map { try ASN1ObjectIdentifier(derEncoded: $0).oidComponents } ?? []
            guard !partial.contains(identifier), !fields.contains(where: { $0.identifier == .boolean }) else {
                throw unfit("it has a critical extension, or is for some certificates only")
            }
        }
    }

    /// - Parameters:
    ///   - certificate: Its bytes, DER.
    ///   - now: In seconds since 1970.
    func finding(for certificate: [UInt8], at now: Int64) throws -> Finding {
        guard let body = try PeerCertificate.children(of: DER.parse(certificate)).first else {
            throw Self.unfit("it is empty")
        }
        var fields = try PeerCertificate.children(of: body)[...]
        if fields.first?.identifier.tagClass == .contextSpecific { fields.removeFirst() }
        guard fields.count > 3 else { throw Self.unfit("it has too few fields") }
        let serial = try Self.serialNumber(fields[fields.startIndex])
        guard let lists = lists[Array(fields[fields.startIndex + 2].encodedBytes)] else { return .noList }
        let current = lists.filter { $0.thisUpdate <= now && now <= $0.nextUpdate }
        if let date = current.lazy.compactMap({ $0.revoked[serial] }).first { return .revoked(date) }
        if !current.isEmpty { return .good }
        if let end = lists.lazy.map(\.nextUpdate).filter({ $0 < now }).max() { return .outdated(end) }
        return .notYetValid(lists.map(\.thisUpdate).min() ?? now)
    }

    /// In its canonical form: another one would not be found.
    private static func serialNumber(_ node: ASN1Node) throws -> [UInt8] {
        guard node.identifier == .integer, case .primitive(let content) = node.content, let first = content.first else {
            throw unfit("a serial number is not a number")
        }
        if let second = content.dropFirst().first {
            guard !(first == 0 && second < 0x80), !(first == 0xFF && second >= 0x80) else {
                throw unfit("a serial number is not in DER form")
            }
        }
        return Array(content)
    }

    private static func unfit(_ reason: String) -> PEMFile.Failure {
        PEMFile.Failure(description: "it holds a revocation list that cannot be used: \(reason)")
    }
}
