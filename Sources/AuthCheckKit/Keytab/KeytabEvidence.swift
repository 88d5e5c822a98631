internal import GSSCore
internal import GSSKerberos
internal import NameResolution

/// Everything that is known of a keytab and of what it is for: what the findings are made from.
struct KeytabEvidence: Sendable {
    /// A part of the principal's name, and who says it.
    struct Name: Sendable, Hashable {
        enum Source: String, Sendable, Hashable, Codable {
            case option
            case mongodConfiguration = "mongod.conf"
            /// What mongod does where nothing is configured.
            case `default`
        }

        var value: String
        var source: Source
    }

    /// Why something did not work.
    struct Trouble: Sendable, Hashable {
        var message: String
        var error: GSSError?
        /// Whether the time was used up.
        var isDeadline = false

        /// The name of Kerberos' own code.
        var code: String? { error.flatMap { KerberosFailure($0).symbolicName } }
    }

    /// A ticket for the service, as the KDC makes it now.
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

    /// What the names of the host lead to.
    struct HostNames: Sendable, Hashable {
        struct Address: Sendable, Hashable {
            var address: IPAddress
            /// The name that the address belongs to.
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
    /// Whether the file ends within an entry, which the library takes for the end.
    var isCutOff = false
    /// Why there is no keytab although the file can be read, or could not be looked at in time.
    var keytabTrouble: Trouble?
    var configurationPath: String?
    var configuration: MongodConfiguration?
    /// The end of a sentence that begins with the file.
    var configurationProblem: String?
    var service = Name(value: "mongodb", source: .default)
    var host: Name
    /// The realm that this machine's configuration gives the host.
    var configuredRealm: String?
    var names: HostNames?
    var ticket: Ticket?
    /// Why there is no ticket by the user's cache.
    var cacheTrouble: Trouble?
    /// Why there is none by the keytab itself.
    var keytabTicketTrouble: Trouble?
    var proof = Proof.notMade
    /// How far the KDC's clock is ahead of this machine's, where that was measured.
    var clockOffset: Duration?
    var allowedClockSkew = Duration.seconds(300)

    var entries: [KerberosKeytab.Entry] { keytab?.entries ?? [] }

    /// The realms in which the keytab has a key of the service on the host, in the file's order.
    var realms: [String] {
        var seen: Set<ByteText> = []
        return entries.filter(isOfService).map(\.realm).filter { seen.insert(ByteText($0)).inserted }
    }

    /// The realm of the principal that is expected: the configured one unless the keytab has others only.
    var realm: String? {
        let realms = realms
        return realms.contains { isSameText($0, configuredRealm) } ? configuredRealm : realms.first ?? configuredRealm
    }

    /// The principal that is expected; without a realm where nobody knows one.
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

    /// Whether the keytab has the key that a ticket is encrypted with, as far as version and type tell. Old files have one byte
    /// for a version.
    func hasVersion(_ version: UInt32) -> Bool {
        keys.contains { $0.keyVersion == version || ($0.keyVersion < 256 && $0.keyVersion == version & 0xFF) }
    }

    func hasKey(_ version: UInt32, _ type: String) -> Bool {
        keys.contains {
            ($0.keyVersion == version || ($0.keyVersion < 256 && $0.keyVersion == version & 0xFF))
                && $0.encryptionType == type
        }
    }

    /// Keeps what has a meaning in a principal's text from having it (RFC 1964 section 2.1.1).
    private static func escaped(_ part: String) -> String {
        part.unicodeScalars.reduce(into: "") { text, scalar in
            if ["/", "@", "\\"].contains(scalar) { text.unicodeScalars.append("\\") }
            text.unicodeScalars.append(scalar)
        }
    }
}
