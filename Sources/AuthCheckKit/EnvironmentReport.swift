internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import NameResolution

/// What an authentication finds on this machine, without any server.
///
/// The JSON's keys are stable: keys are only added.
package struct EnvironmentReport: Sendable, Hashable, Report {
    /// Whether an authentication can begin.
    package enum Result: String, Sendable, Hashable, Codable {
        /// No problem was found.
        case ok
        /// There is a problem.
        case failed
    }

    /// The name and version of this format.
    package let schema = "authcheck.environment/1"
    /// Whether an authentication can begin.
    package var result: Result
    /// The exit status of the process.
    package var exitStatus: Int32
    /// What is wrong: failures first, in the order in which an authentication would meet them.
    package var findings: [Finding]
    /// The configuration; `nil` where it could not be read in time.
    @NullWhenAbsent package var configuration: Configuration?
    /// The variables that Kerberos uses.
    package var variables: [Variable]
    /// The realm's KDCs; `nil` if they could not be determined.
    @NullWhenAbsent package var kdcs: KDCs?
    /// The caches of this user; `nil` if they could not be read.
    @NullWhenAbsent package var caches: [Cache]?
    /// The keytab from which a client gets its tickets; `nil` if its name could not be determined.
    @NullWhenAbsent package var clientKeytab: Keytab?
    /// The requested hosts.
    package var hosts: [Host]
    /// This machine's clock.
    package var clock: Clock

    /// Evaluates facts.
    init(_ facts: EnvironmentFacts) {
        findings = EnvironmentRules.findings(facts)
        let failure = findings.first { $0.severity == .failure }
        result = failure == nil ? .ok : .failed
        exitStatus = failure?.class?.exitStatus ?? 0
        configuration = facts.configuration.map { Configuration($0) }
        variables = facts.variables.map { Variable($0) }
        kdcs = facts.kdcs.map { KDCs($0) }
        caches = facts.caches.map { $0.map { Cache($0, now: facts.kdcNow) } }
        clientKeytab = facts.keytab.map { Keytab($0) }
        hosts = facts.hosts.map { Host($0) }
        clock = Clock(
            synchronized: facts.isClockSynchronized,
            kdcOffsetSeconds: facts.clockOffsets.first.map { $0.offset / .seconds(1) },
            allowedSkewSeconds: facts.allowedClockSkew / .seconds(1))
    }
}

extension EnvironmentReport {
    /// A report of a check that is blocked beyond its deadline.
    package static func timedOut() -> EnvironmentReport {
        var facts = EnvironmentFacts(EnvironmentRequest(variables: [:]), now: 0)
        facts.missed = ["an input that is read does not end"]
        return EnvironmentReport(facts)
    }

    /// The configuration of Kerberos.
    package struct Configuration: Sendable, Hashable, Encodable {
        /// The files in the order in which they are read.
        package var files: [File]
        /// How many more there are.
        package var moreFiles: Int
        /// The main settings, whether a file has them or not.
        package var settings: [Setting]
        /// The default realm.
        @NullWhenAbsent package var defaultRealm: String?
        /// The encryption types that may be used, the best first.
        package var permittedEncryptionTypes: [String]
        /// Those of them that newer systems refuse.
        package var weakEncryptionTypes: [String]
        /// Why the library cannot start.
        @NullWhenAbsent package var problem: String?
    }

    /// A configuration file, or a folder that one includes.
    package struct File: Sendable, Hashable, Encodable {
        /// Its state.
        package enum State: String, Sendable, Hashable, Codable {
            case read, missing, unreadable, malformed
        }

        /// Its path.
        package var path: String
        /// Its state.
        package var state: State
        /// The malformed line.
        @NullWhenAbsent package var line: Int?
        /// What is wrong with it.
        @NullWhenAbsent package var reason: String?
        /// The file that includes it.
        @NullWhenAbsent package var includedBy: String?
        /// In which line.
        @NullWhenAbsent package var includedAt: Int?
    }

    /// A setting of `[libdefaults]`.
    package struct Setting: Sendable, Hashable, Encodable {
        /// Its name.
        package var name: String
        /// Its value; `nil` where no file has one.
        @NullWhenAbsent package var value: String?
        /// The file that it comes from.
        @NullWhenAbsent package var file: String?
        /// Its line there.
        @NullWhenAbsent package var line: Int?
    }

    /// A variable of the environment.
    package struct Variable: Sendable, Hashable, Encodable {
        /// A file that it names.
        package struct Path: Sendable, Hashable, Encodable {
            /// The path.
            package var path: String
            /// `usable`, `missing` or `forbidden`.
            package var state: String
        }

        /// Its name.
        package var name: String
        /// Its value.
        package var value: String
        /// The files that it names.
        package var paths: [Path]
    }

    /// A cache of tickets.
    package struct Cache: Sendable, Hashable, Encodable {
        /// Its full name.
        package var name: String
        /// Its type, for example `FILE`.
        package var type: String
        /// Whether it is the default cache.
        package var isDefault: Bool
        /// Whose it is.
        @NullWhenAbsent package var principal: String?
        /// Its tickets.
        package var tickets: [CheckReport.Ticket]
        /// How many more there are.
        package var moreTickets: Int
        /// Why it cannot be read.
        @NullWhenAbsent package var problem: String?
    }

    /// A keytab.
    package struct Keytab: Sendable, Hashable, Encodable {
        /// A key, without the key.
        package struct Key: Sendable, Hashable, Encodable {
            /// Whose it is.
            package var principal: String
            /// Its version.
            package var keyVersion: UInt32
            /// Its encryption type.
            package var encryptionType: String
        }

        /// Its full name.
        package var name: String
        /// Whether it can be read.
        package var isReadable: Bool
        /// Its keys.
        package var keys: [Key]
        /// How many more there are.
        package var moreKeys: Int
        /// Why it cannot be read.
        @NullWhenAbsent package var problem: String?
    }

    /// A host of a server.
    package struct Host: Sendable, Hashable, Encodable {
        /// An address and its name.
        package struct Address: Sendable, Hashable, Encodable {
            /// The address.
            package var address: String
            /// The name that the DNS has for it.
            @NullWhenAbsent package var name: String?
        }

        /// The requested name.
        package var host: String
        /// Its realm, from the configuration or the DNS; `nil` leaves it to the KDC.
        @NullWhenAbsent package var realm: String?
        /// The fallback realm if the KDC does not know better.
        @NullWhenAbsent package var fallbackRealm: String?
        /// The name at the end of its chain of aliases.
        @NullWhenAbsent package var canonicalName: String?
        /// Its addresses.
        package var addresses: [Address]
        /// How many more there are.
        package var moreAddresses: Int
        /// Why it has none.
        @NullWhenAbsent package var problem: String?
    }

    /// This machine's clock.
    package struct Clock: Sendable, Hashable, Encodable {
        /// Whether the kernel considers it synchronized; `nil` if unknown.
        @NullWhenAbsent package var synchronized: Bool?
        /// How far the clock of the first KDC that reported its time is ahead.
        @NullWhenAbsent package var kdcOffsetSeconds: Double?
        /// The allowed clock skew.
        package var allowedSkewSeconds: Double
    }
}

// MARK: - From facts

extension EnvironmentReport.Configuration {
    init(_ facts: KerberosConfiguration) {
        self.init(
            files: facts.files.map { .init($0) }, moreFiles: facts.moreFiles,
            settings: facts.settings.map { .init(name: $0.name, value: $0.value, file: $0.file, line: $0.line) },
            defaultRealm: facts.defaultRealm, permittedEncryptionTypes: facts.permittedEncryptionTypes,
            weakEncryptionTypes: facts.permittedEncryptionTypes.filter(EnvironmentRules.isWeak),
            problem: facts.problem?.message)
    }
}

extension EnvironmentReport.File {
    init(_ facts: KerberosConfiguration.File) {
        self.init(
            path: facts.path, state: .read, line: nil, reason: nil, includedBy: facts.includedBy,
            includedAt: facts.includedAt)
        switch facts.state {
        case .read: break
        case .missing: state = .missing
        case .unreadable(let number): (state, reason) = (.unreadable, "error number \(number)")
        case .malformed(let line, let text): (state, self.line, reason) = (.malformed, line, text)
        @unknown default: break
        }
    }
}

extension EnvironmentReport.Variable {
    init(_ facts: EnvironmentFacts.Variable) {
        self.init(
            name: facts.name, value: facts.value,
            paths: facts.paths.map { .init(path: $0.path, state: $0.state.rawValue) })
    }
}

extension EnvironmentReport.Cache {
    init(_ facts: KerberosHoldings.Cache, now: Int64) {
        self.init(
            name: facts.cache.name, type: facts.cache.type, isDefault: facts.isDefault,
            principal: facts.cache.principal, tickets: facts.tickets.map { .init($0, now: now) },
            moreTickets: facts.moreTickets, problem: facts.problem?.message)
    }
}

extension EnvironmentReport.Keytab {
    init(_ facts: KerberosHoldings.Keytab) {
        self.init(
            name: facts.name, isReadable: facts.problem == nil,
            keys: facts.keys.map {
                .init(principal: $0.principal, keyVersion: $0.version, encryptionType: $0.encryptionType)
            }, moreKeys: facts.moreKeys, problem: facts.problem?.message)
    }
}

extension EnvironmentReport.Host {
    init(_ facts: EnvironmentFacts.Host) {
        self.init(
            host: facts.name, realm: facts.realm, fallbackRealm: facts.fallbackRealm,
            canonicalName: facts.canonicalName,
            addresses: facts.addresses.map { .init(address: "\($0.address)", name: $0.name) },
            moreAddresses: facts.moreAddresses, problem: facts.problem)
    }
}
