internal import GSSCore
internal import GSSKerberos
internal import NameResolution

/// All that is known of a keytab and its server: the input of the findings.
struct KeytabEvidence: Sendable {
    /// A part of the principal's name, and its source.
    struct Name: Sendable, Hashable {
        enum Source: String, Sendable, Hashable, Codable {
            case option
            case mongodConfiguration = "mongod.conf"
            /// mongod's default.
            case `default`
        }

        var value: String
        var source: Source
    }

    /// Why something did not work.
    struct Trouble: Sendable, Hashable {
        var message: String
        var error: GSSError?
        /// Whether the deadline passed.
        var isDeadline = false

        /// The name of the Kerberos code.
        var code: String? { error.flatMap { KerberosFailure($0).symbolicName } }
    }

    /// A new ticket for the service from the KDC.
    struct Ticket: Sendable, Hashable {
        enum Origin: String, Sendable, Hashable, Codable {
            /// With the tickets of the user who runs the check.
            case cache
            /// With a key of the keytab.
            case keytab
        }

        var origin: Origin
        var client: String
        var cache: String?
        var ticket: KerberosTicket
    }

    /// Whether the ticket was accepted with the keytab.
    enum Proof: Sendable, Hashable {
        case notMade
        case accepted
        case refused(Trouble)
    }

    /// How the host's names resolve.
    struct HostNames: Sendable, Hashable {
        struct Address: Sendable, Hashable {
            var address: IPAddress
            /// The address's name.
            var name: String?
            var problem: String?
        }

        var canonicalName: String?
        var addresses: [Address] = []
        var moreAddresses = 0
        /// Why there are no addresses.
        var problem: String?
    }

    var path: String
    var ownership: FileOwnership?
    var fileProblem: BoundedFile.Problem?
    var keytab: KerberosKeytab?
    /// Whether the file ends within an entry, which the library treats as the end.
    var isCutOff = false
    /// Why there is no keytab although the file can be read, or could not be read in time.
    var keytabTrouble: Trouble?
    var configurationPath: String?
    var configuration: MongodConfiguration?
    /// The end of a sentence that begins with the file.
    var configurationProblem: String?
    var service = Name(value: "mongodb", source: .default)
    var host: Name
    /// The host's realm in this machine's configuration.
    var configuredRealm: String?
    var names: HostNames?
    var ticket: Ticket?
    /// Why the user's cache gave no ticket.
    var cacheTrouble: Trouble?
    /// Why the keytab itself gave none.
    var keytabTicketTrouble: Trouble?
    var proof = Proof.notMade
    /// How far the KDC's clock is ahead of this machine's, if that was measured.
    var clockOffset: Duration?
    var allowedClockSkew = Duration.seconds(300)

    var entries: [KerberosKeytab.Entry] { keytab?.entries ?? [] }

    /// The realms in which the keytab has a key of the service on the host, in the file's order.
    var realms: [String] {
        var seen: Set<ByteText> = []
        return entries.filter(isOfService).map(\.realm).filter { seen.insert(ByteText($0)).inserted }
    }

    /// The realm of the expected principal: the configured one unless the keytab has only others.
    var realm: String? {
        let realms = realms
        return realms.contains { isSameText($0, configuredRealm) } ? configuredRealm : realms.first ?? configuredRealm
    }

    /// The expected principal; without a realm if none is known.
    var principal: String {
        [service.value, host.value].map(Self.escaped).joined(separator: "/")
            + (realm.map { "@\(Self.escaped($0))" } ?? "")
    }

    /// The keys of that principal.
    var keys: [KerberosKeytab.Entry] {
        let realm = realm
        return entries.filter { isOfService($0) && isSameText($0.realm, realm) }
    }

    var newestVersion: UInt32? { keys.map(\.keyVersion).max() }

    func isOfService(_ entry: KerberosKeytab.Entry) -> Bool {
        entry.components.count == 2 && isSameText(entry.components[0], service.value)
            && isSameText(entry.components[1], host.value)
    }

    /// Whether the keytab has the key that a ticket is encrypted with, judging by version and type. Old files have one
    /// byte for a version.
    func hasVersion(_ version: UInt32) -> Bool {
        keys.contains { $0.keyVersion == version || ($0.keyVersion < 256 && $0.keyVersion == version & 0xFF) }
    }

    func hasKey(_ version: UInt32, _ type: String) -> Bool {
        keys.contains {
            ($0.keyVersion == version || ($0.keyVersion < 256 && $0.keyVersion == version & 0xFF))
                && $0.encryptionType == type
        }
    }

    /// Escapes the special characters of a principal's text (RFC 1964 section 2.1.1).
    private static func escaped(_ part: String) -> String {
        part.unicodeScalars.reduce(into: "") { text, scalar in
            if ["/", "@", "\\"].contains(scalar) { text.unicodeScalars.append("\\") }
            text.unicodeScalars.append(scalar)
        }
    }
}
