internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import SASL
internal import SASLGSSAPI

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension CheckReport {
    /// The state of Kerberos on this machine for the user.
    package struct Kerberos: Sendable, Hashable, Encodable {
        /// The configuration files that are read.
        package var configurationFiles: [String]
        /// The default realm.
        @NullWhenAbsent package var defaultRealm: String?
        /// The user's full principal.
        @NullWhenAbsent package var principal: String?
        /// The cache in which the tickets are looked for.
        @NullWhenAbsent package var cache: Cache?
        /// The keytab to get tickets with, if there is one.
        @NullWhenAbsent package var clientKeytab: String?
        /// The user's ticket-granting ticket.
        @NullWhenAbsent package var ticketGrantingTicket: Ticket?
    }

    /// A credential cache.
    package struct Cache: Sendable, Hashable, Encodable {
        /// Its full name.
        package var name: String
        /// Its type, for example `FILE`.
        package var type: String
        /// Its owner; `nil` if it cannot be read.
        @NullWhenAbsent package var principal: String?
    }

    /// A ticket. Times are UTC, as ISO 8601.
    package struct Ticket: Sendable, Hashable, Encodable {
        /// The principal of the service.
        package var server: String
        /// What the ticket is encrypted with: the service's key.
        @NullWhenAbsent package var encryptionType: String?
        /// The version of the service's key.
        @NullWhenAbsent package var keyVersion: UInt32?
        /// The encryption type of the key that client and service share.
        package var sessionEncryptionType: String
        /// The start of its validity.
        package var startTime: String
        /// The end of its validity.
        package var endTime: String
        /// The remaining seconds; negative once it has expired.
        package var secondsLeft: Int64
        /// Until when it can be renewed.
        @NullWhenAbsent package var renewableUntil: String?
        /// Its flags, by their names in RFC 4120.
        package var flags: [String]
    }

    /// The result of Kerberos at one host.
    package struct HostKerberos: Sendable, Hashable, Encodable {
        /// The requested principal of the server.
        package var service: String
        /// The ticket for it, if there is one.
        @NullWhenAbsent package var serviceTicket: Ticket?
        /// The services that the context granted; `nil` if it was not established.
        @NullWhenAbsent package var grantedFlags: [String]?
        /// The security layers that the server offered.
        @NullWhenAbsent package var offeredLayers: [String]?
    }

    /// The underlying Kerberos error of a failure.
    package struct KerberosError: Sendable, Hashable, Encodable {
        /// The C function that failed.
        package var call: String
        /// The major status of the GSS-API.
        package var major: UInt32
        /// Its name.
        package var majorName: String
        /// Its texts.
        package var majorMessages: [String]
        /// The minor status: the code of Kerberos.
        package var minor: Int32
        /// Its name in MIT's headers.
        @NullWhenAbsent package var symbolicName: String?
        /// Its texts.
        package var minorMessages: [String]
    }
}

extension CheckReport.Kerberos {
    init(_ inspection: KerberosInspection, now: Int64) {
        configurationFiles = inspection.configurationFiles
        defaultRealm = inspection.defaultRealm
        principal = inspection.principal
        cache = inspection.cache.map { .init(name: $0.name, type: $0.type, principal: $0.principal) }
        clientKeytab = inspection.clientKeytab
        ticketGrantingTicket = inspection.ticketGrantingTicket.map { CheckReport.Ticket($0, now: now) }
    }

    /// The known facts, each with its name.
    var facts: [(name: String, value: String)] {
        let files = configurationFiles.joined(separator: ", ")
        let owner = cache?.principal
        let cacheText = cache.map { $0.name + (owner == nil || owner == principal ? "" : " of \(owner ?? "")") }
        let all: [(String, String?)] = [
            ("configuration", files.isEmpty ? nil : files), ("default realm", defaultRealm), ("principal", principal),
            ("cache", cacheText), ("keytab", clientKeytab), ("ticket", ticketGrantingTicket?.line),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    /// The same in a sentence, without the rarely relevant ones.
    var summary: String {
        facts.filter { $0.name != "default realm" }
            .map { $0.name == "ticket" ? "ticket " + (ticketGrantingTicket?.lifeText ?? "") : "\($0.name) \($0.value)" }
            .joined(separator: "; ")
    }
}

extension CheckReport.Ticket {
    init(_ ticket: KerberosTicket, now: Int64) {
        self.init(
            server: ticket.server, encryptionType: ticket.encryptionType, keyVersion: ticket.keyVersion,
            sessionEncryptionType: ticket.sessionEncryptionType, startTime: Self.text(ticket.startTime),
            endTime: Self.text(ticket.endTime), secondsLeft: ticket.endTime - now,
            renewableUntil: ticket.renewableUntil.map(Self.text), flags: ticket.flags)
    }

    static func text(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
    }

    /// The remaining lifetime.
    var lifeText: String {
        let life = secondsLeft > 0 ? "\(Self.span(secondsLeft)) left" : "expired \(Self.span(-secondsLeft)) ago"
        return "until \(endTime), \(life)"
    }

    /// For a person: the remaining lifetime, the keys, the flags.
    var line: String {
        var parts = [lifeText]
        if let renewableUntil { parts.append("renewable until \(renewableUntil)") }
        let key = [encryptionType, keyVersion.map { "key version \($0)" }].compactMap(\.self).joined(separator: ", ")
        if !key.isEmpty { parts.append(key) }
        if !flags.isEmpty { parts.append(flags.joined(separator: ", ")) }
        return parts.joined(separator: "; ")
    }

    /// The two largest units of a time.
    static func span(_ seconds: Int64) -> String {
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s"),
        ]
        let shown = parts.drop { $0.0 == 0 }.prefix(2).filter { $0.0 != 0 }
        return shown.isEmpty ? "0 s" : shown.map { "\($0.0) \($0.1)" }.joined(separator: " ")
    }
}

extension CheckReport.HostKerberos {
    /// `nil` if no service was named.
    init?(_ timeline: HostTimeline, now: Int64) {
        guard let service = timeline.service else { return nil }
        let ticket = timeline.credential?.ticket
        self.init(
            service: ticket?.server ?? "\(service)", serviceTicket: ticket.map { CheckReport.Ticket($0, now: now) },
            grantedFlags: timeline.authentication?.grantedFlags?.names,
            offeredLayers: timeline.authentication?.offer?.layers.names)
    }
}

extension CheckReport.KerberosError {
    init(_ failure: KerberosFailure) {
        let error = failure.error
        self.init(
            call: error.call, major: error.major.rawValue, majorName: "\(error.major)",
            majorMessages: error.majorMessages, minor: Int32(bitPattern: error.minor),
            symbolicName: failure.symbolicName, minorMessages: error.minorMessages)
    }
}

extension GSSContextFlags {
    fileprivate var names: [String] { isEmpty ? [] : description.split(separator: ", ").map(String.init) }
}

extension SaslSecurityLayers {
    fileprivate var names: [String] { isEmpty ? [] : description.split(separator: ", ").map(String.init) }
}
