internal import SwiftASN1

/// The certificates that authorities have revoked (RFC 5280 section 5), from a file of the user.
///
/// The file is trusted as a file of authorities is: who signed its lists is not checked. As with OpenSSL's drivers the
/// server's certificate needs a list of its issuer that is current; those of the authorities between are not looked at.
struct RevocationLists: Sendable {
    /// What the lists say of a certificate.
    enum Finding: Equatable {
        case good
        /// When it was revoked, in seconds since 1970.
        case revoked(Int64)
        case noList
        /// When the newest list of the issuer ended, in seconds since 1970.
        case outdated(Int64)
        case notYetValid(Int64)
    }

    private struct List {
        var thisUpdate: Int64
        var nextUpdate: Int64?
        /// When each serial number was revoked.
        var revoked: [[UInt8]: Int64] = [:]
    }

    /// The newest list of each issuer, by the issuer's encoded name.
    private var lists: [[UInt8]: List] = [:]

    /// - Throws: What says why the file cannot be used.
    init(file: String) throws {
        try PEMFile.withContents(of: file) { contents in
            for bytes in try Self.encodedLists(in: contents) {
                do {
                    try add(bytes)
                } catch {
                    throw PEMFile.Failure(description: "it holds a damaged revocation list: \(error)")
                }
            }
        }
    }

    /// In PEM form, among others perhaps, or one in DER form.
    private static func encodedLists(in contents: [UInt8]) throws -> [[UInt8]] {
        if contents.first == 0x30 { return [contents] }
        let documents: [PEMDocument]
        do {
            documents = try PEMDocument.parseMultiple(pemString: String(decoding: contents, as: UTF8.self))
        } catch {
            throw PEMFile.Failure(description: "it is no PEM file: \(error)")
        }
        let lists = documents.filter { $0.discriminator == "X509 CRL" }.map(\.derBytes)
        guard !lists.isEmpty else { throw PEMFile.Failure(description: "it holds no revocation list (X509 CRL)") }
        return lists
    }

    private mutating func add(_ bytes: [UInt8]) throws {
        guard let body = try PeerCertificate.children(of: DER.parse(bytes)).first else {
            throw Self.malformed("it is empty")
        }
        var fields = try PeerCertificate.children(of: body)[...]
        // A version, which version 1 does not have; an algorithm.
        if fields.first?.identifier == .integer { fields.removeFirst() }
        fields = fields.dropFirst()
        guard let issuer = fields.popFirst(), let thisUpdate = fields.popFirst() else {
            throw Self.malformed("it has too few fields")
        }
        var list = List(thisUpdate: try PeerCertificate.time(thisUpdate))
        if let next = fields.first, next.identifier == .utcTime || next.identifier == .generalizedTime {
            list.nextUpdate = try PeerCertificate.time(next)
            fields.removeFirst()
        }
        if let revoked = fields.first, revoked.identifier == .sequence {
            for entry in try PeerCertificate.children(of: revoked) {
                let parts = try PeerCertificate.children(of: entry)
                guard parts.count >= 2 else { throw Self.malformed("an entry has no date") }
                list.revoked[try Self.content(of: parts[0])] = try PeerCertificate.time(parts[1])
            }
            fields.removeFirst()
        }
        // What an authority marks as critical changes the meaning of a list: it is for some certificates only, or has only
        // the changes since another one (RFC 5280 section 5.2).
        for extensions in fields {
            for item in try PeerCertificate.children(of: extensions).flatMap(PeerCertificate.children) {
                let isCritical = try PeerCertificate.children(of: item).contains { $0.identifier == .boolean }
                guard !isCritical else { throw Self.malformed("it has a critical extension, as lists in parts have") }
            }
        }
        let key = Array(issuer.encodedBytes)
        if let other = lists[key], other.thisUpdate > list.thisUpdate { return }
        lists[key] = list
    }

    /// - Parameters:
    ///   - certificate: Its bytes, DER.
    ///   - now: In seconds since 1970.
    func finding(for certificate: [UInt8], at now: Int64) throws -> Finding {
        guard let body = try PeerCertificate.children(of: DER.parse(certificate)).first else { return .noList }
        var fields = try PeerCertificate.children(of: body)[...]
        if fields.first?.identifier.tagClass == .contextSpecific { fields.removeFirst() }
        guard fields.count > 3 else { return .noList }
        let (serial, issuer) = (fields[fields.startIndex], fields[fields.startIndex + 2])
        guard let list = lists[Array(issuer.encodedBytes)] else { return .noList }
        if now < list.thisUpdate { return .notYetValid(list.thisUpdate) }
        if let end = list.nextUpdate, now > end { return .outdated(end) }
        return list.revoked[try Self.content(of: serial)].map(Finding.revoked) ?? .good
    }

    private static func content(of node: ASN1Node) throws -> [UInt8] {
        guard case .primitive(let content) = node.content else { throw malformed("a serial number is no number") }
        return Array(content)
    }

    private static func malformed(_ reason: String) -> ASN1Error { .invalidASN1Object(reason: reason) }
}
