internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import NameResolution

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Checks the keytab of a server, on that server: who may read it, what is in it, whether that matches the server's
/// name, and whether a new ticket from the KDC is accepted with it.
///
/// It only reads. A KDC is asked for a ticket for the service with the tickets of the user who runs the check, or else
/// with the keytab's own key; a wrong key is one failed attempt there.
package struct KeytabCheck: Sendable {
    /// The path of the keytab, or its name with the prefix `FILE:`.
    package var path: String
    /// The principal's first part; `nil` takes that of the configuration, or `mongodb`.
    package var service: String?
    /// The server's host; `nil` takes that of the configuration, or this machine's canonical name.
    package var host: String?
    /// The path of a `mongod.conf`; `nil` reads none.
    package var configuration: String?
    /// Whether warnings make the exit status 3.
    package var failsOnWarning = false

    /// How many bytes a keytab may have.
    static let limit = 1 << 20
    /// How many addresses of the host are looked up in reverse.
    static let addressLimit = 16

    /// Names a keytab.
    package init(path: String) {
        self.path = path
    }

    /// Runs the check. It ends by the deadline and throws nothing: errors are in the report.
    package func run(by deadline: ContinuousClock.Instant) async -> KeytabReport {
        await run(by: deadline, resolver: SystemResolver())
    }

    func run(by deadline: ContinuousClock.Instant, resolver: any NameResolver) async -> KeytabReport {
        let file = DiagnosisWords.path(path)
        var evidence = KeytabEvidence(path: file, host: .init(value: "", source: .default))
        await readConfiguration(&evidence, by: deadline)
        await nameServer(&evidence, resolver, by: deadline)
        let host = evidence.host.value
        // A silent name server must not use up the time of more important checks.
        async let names = Self.names(of: host, resolver, by: min(deadline, .now + .seconds(5)))
        await readKeytab(&evidence, by: deadline)
        if !evidence.entries.isEmpty, evidence.realm != nil { await KeytabProof(deadline: deadline).make(&evidence) }
        evidence.names = await names
        return KeytabReport(evidence, failsOnWarning: failsOnWarning)
    }

    /// Reads files on a worker.
    static func read<R: Sendable>(
        by deadline: ContinuousClock.Instant, _ what: String, _ body: @escaping @Sendable () throws -> R
    ) async -> Result<R, KeytabEvidence.TroubleError> {
        do {
            return .success(try await BlockingWorkers.namesAndFiles.run(by: deadline, waitingFor: what, body))
        } catch {
            return .failure(.init(trouble: KeytabEvidence.Trouble(error)))
        }
    }

    // MARK: - The server's name

    private func readConfiguration(_ evidence: inout KeytabEvidence, by deadline: ContinuousClock.Instant) async {
        evidence.configurationPath = configuration
        if let configuration {
            let contents = await Self.read(by: deadline, "the file \(configuration)") {
                () -> Result<[UInt8], BoundedFile.Problem> in
                do throws(BoundedFile.Problem) {
                    return .success(try BoundedFile.contents(of: configuration, limit: MongodConfiguration.limit))
                } catch {
                    return .failure(error)
                }
            }
            switch contents {
            case .success(.success(let bytes)): evidence.configuration = MongodConfiguration(bytes)
            case .success(.failure(let problem)): evidence.configurationProblem = problem.text
            case .failure(let error): evidence.configurationProblem = "was not read in time (\(error.trouble.message))"
            }
        }
        if let service {
            evidence.service = .init(value: service, source: .option)
        } else if let setting = evidence.configuration?.serviceName {
            evidence.service = .init(value: setting.value, source: .mongodConfiguration)
        }
        if let host {
            evidence.host = .init(value: host, source: .option)
        } else if let setting = evidence.configuration?.hostName {
            evidence.host = .init(value: setting.value, source: .mongodConfiguration)
        }
    }

    /// Without a name in the configuration mongod uses the machine's.
    private func nameServer(
        _ evidence: inout KeytabEvidence, _ resolver: any NameResolver, by deadline: ContinuousClock.Instant
    ) async {
        if evidence.host.value.isEmpty {
            var buffer = [CChar](repeating: 0, count: 256)
            gethostname(&buffer, buffer.count - 1)
            let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let end = min(deadline, .now + .seconds(2))
            let canonical = try? await resolver.canonicalName(of: name, by: end)
            evidence.host.value = withoutFinalPeriod(canonical ?? name)
        }
        let (service, host) = (evidence.service.value, evidence.host.value)
        let found = await Self.read(by: deadline, "the Kerberos configuration") {
            let name = try GSSName.kerberosService(service, exactHost: host)
            let inspection = KerberosInspection(looksForTickets: false)
            let realm = KerberosTicket.realm(of: name.text).flatMap { $0.isEmpty ? nil : String($0) }
            return (realm ?? inspection.defaultRealm, inspection.allowedClockSkew)
        }
        // An error in the configuration is reported when the keytab is read, which needs it too.
        if case .success(let (realm, skew)) = found {
            (evidence.configuredRealm, evidence.allowedClockSkew) = (realm, skew)
        }
    }

    private static func names(
        of host: String, _ resolver: any NameResolver, by deadline: ContinuousClock.Instant
    ) async -> KeytabEvidence.HostNames {
        var names = KeytabEvidence.HostNames()
        names.canonicalName = try? await resolver.canonicalName(of: host, by: deadline)
        do {
            let addresses = try await resolver.addresses(of: host, family: nil, by: deadline)
            names.moreAddresses = max(0, addresses.count - addressLimit)
            for address in addresses.prefix(addressLimit) {
                do {
                    let name = withoutFinalPeriod(try await resolver.name(of: address, by: deadline))
                    names.addresses.append(.init(address: address, name: name))
                } catch {
                    names.addresses.append(.init(address: address, problem: problem(error)))
                }
            }
        } catch {
            names.problem = problem(error)
        }
        return names
    }

    private static func problem(_ error: any Error) -> String {
        (error as? NameResolutionError)?.message ?? "\(error)"
    }

    // MARK: - The file

    private func readKeytab(_ evidence: inout KeytabEvidence, by deadline: ContinuousClock.Instant) async {
        let path = evidence.path
        let found = await Self.read(by: deadline, "the file \(path)") { Reading(path) }
        switch found {
        case .success(let reading):
            evidence.ownership = reading.ownership
            evidence.fileProblem = reading.problem
            evidence.isCutOff = reading.isCutOff
            evidence.keytab = reading.keytab
            evidence.keytabTrouble = reading.trouble
        case .failure(let error):
            evidence.keytabTrouble = error.trouble
        }
        if let ownership = evidence.ownership {
            // The names are optional, and a directory service may be slow.
            let named = await Self.read(by: min(deadline, .now + .seconds(1)), "the names of users") {
                ownership.named()
            }
            if case .success(let named) = named { evidence.ownership = named }
        }
    }
}

/// The result of reading a keytab's file.
private struct Reading: Sendable {
    let ownership: FileOwnership?
    var problem: BoundedFile.Problem?
    var isCutOff = false
    var keytab: KerberosKeytab?
    var trouble: KeytabEvidence.Trouble?

    init(_ path: String) {
        ownership = FileOwnership(path)
        do throws(BoundedFile.Problem) {
            // Before the library reads it, which would wait for a writer of a pipe.
            isCutOff = try BoundedFile.isKeytabCutOff(path, limit: KeytabCheck.limit)
        } catch {
            problem = error
            return
        }
        do throws(GSSError) {
            keytab = try KerberosKeytab(path: path)
        } catch {
            trouble = KeytabEvidence.Trouble(error)
        }
    }
}

extension KeytabEvidence {
    /// A trouble as an error.
    struct TroubleError: Error, Sendable {
        var trouble: Trouble
    }
}

extension KeytabEvidence.Trouble {
    init(_ error: any Error) {
        switch error {
        case let error as GSSError: self.init(message: error.message, error: error)
        case let error as BlockingWorkError:
            self.init(message: error.message, isDeadline: error.code == .deadlineExceeded)
        case is CancellationError: self.init(message: "the check was cancelled", isDeadline: true)
        default: self.init(message: "\(error)")
        }
    }
}
