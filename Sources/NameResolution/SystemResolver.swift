public import BlockingWork

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The system's name service: hosts file, search domains and everything else that `nsswitch.conf` says.
///
/// Concurrent callers with the same question share one look-up, each with its own deadline, and a silent name
/// server occupies one thread for each name, however many callers there are. Look-ups of different names do not wait
/// for each other. Copies share their look-ups.
public struct SystemResolver: NameResolver {
    private struct AddressQuestion: Hashable {
        let host: String
        let family: IPAddress.Family?
    }

    private enum NameQuestion: Hashable {
        case canonical(String)
        case pointer(IPAddress)
    }

    private let addressLookUps: SharedWork<AddressQuestion, [IPAddress]>
    private let nameLookUps: SharedWork<NameQuestion, String>
    private let servers = AskedServers()

    /// Creates a resolver.
    ///
    /// - Parameter workers: Threads for the look-ups; `nil` uses the process's shared ones.
    public init(workers: BlockingWorkers? = nil) {
        let workers = workers ?? .namesAndFiles
        addressLookUps = SharedWork(workers: workers)
        nameLookUps = SharedWork(workers: workers)
    }

    /// The name servers of `resolv.conf`, as of the start of the latest look-up.
    public var respondents: String { servers.description }

    /// The addresses of a host, in one family or in both.
    public func addresses(
        of host: String, family: IPAddress.Family?, by deadline: ContinuousClock.Instant
    ) async throws -> [IPAddress] {
        if let literal = IPAddress(host) {
            guard let family, literal.family != family else { return [literal] }
            throw NameResolutionError(.noAddress, name: host, "is not an \(family) address")
        }
        try Self.check(host)
        let systemFamily =
            switch family {
            case .ipv4?: AF_INET
            case .ipv6?: AF_INET6
            case nil: AF_UNSPEC
            }
        return try await ask(addressLookUps, AddressQuestion(host: host, family: family), host, by: deadline) {
            let found = try getAddresses(host, family: systemFamily, flags: 0) { IPAddress($0.ai_addr) }
            var seen: Set<IPAddress> = []
            let unique = found.filter { seen.insert($0).inserted }
            guard !unique.isEmpty else {
                throw NameResolutionError(.noAddress, name: host, "has no \(family.map { "\($0) " } ?? "")address")
            }
            return unique
        }
    }

    /// The name at the end of a host's chain of aliases.
    public func canonicalName(of host: String, by deadline: ContinuousClock.Instant) async throws -> String {
        if IPAddress(host) != nil {
            throw NameResolutionError(.invalidName, name: host, "is an address and has no canonical name")
        }
        try Self.check(host)
        return try await ask(nameLookUps, .canonical(host), host, by: deadline) {
            let names = try getAddresses(host, family: AF_UNSPEC, flags: AI_CANONNAME) { entry in
                entry.ai_canonname.map { String(cString: $0) }
            }
            guard let name = names.first, !name.isEmpty else {
                throw NameResolutionError(.noSuchName, name: host, "has no canonical name")
            }
            return name
        }
    }

    /// The name that an address belongs to.
    public func name(of address: IPAddress, by deadline: ContinuousClock.Instant) async throws -> String {
        try await ask(nameLookUps, .pointer(address), address.description, by: deadline) {
            var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = address.withSocketAddress { pointer, length in
                getnameinfo(pointer, length, &buffer, socklen_t(buffer.count), nil, 0, NI_NAMEREQD)
            }
            guard status == 0 else { throw error(status, errno, name: address.description) }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    private func ask<Question: Sendable, Answer: Sendable>(
        _ lookUps: SharedWork<Question, Answer>, _ question: Question, _ name: String,
        by deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () throws -> Answer
    ) async throws -> Answer {
        do {
            return try await lookUps.value(for: question, by: deadline, waitingFor: "\(respondents)") { [servers] in
                servers.refresh()
                return try body()
            }
        } catch let error as BlockingWorkError where error.code == .deadlineExceeded {
            throw NameResolutionError(
                .deadlineExceeded, name: name, "\(respondents) did not answer for \(name) before the deadline",
                underlying: error)
        } catch let error as BlockingWorkError {
            throw NameResolutionError(.failure, name: name, error.message, underlying: error)
        }
    }

    /// Refuses what the system's resolver would truncate or misread.
    private static func check(_ host: String) throws(NameResolutionError) {
        guard !host.isEmpty, host.utf8.count <= 253 + 1, !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
            throw NameResolutionError(
                .invalidName, name: String(host.prefix(64)),
                "is not a host name: it is empty, too long, or holds a space or control character")
        }
    }

    private func getAddresses<Answer>(
        _ host: String, family: Int32, flags: Int32, _ read: (addrinfo) -> Answer?
    ) throws(NameResolutionError) -> [Answer] {
        var hints = addrinfo()
        hints.ai_family = family
        hints.ai_flags = flags
        hints.ai_socktype = Self.socketTypeStream
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else { throw error(status, errno, name: host) }
        defer { freeaddrinfo(list) }
        var answers: [Answer] = []
        var entry = list
        while let current = entry {
            if let answer = read(current.pointee) { answers.append(answer) }
            entry = current.pointee.ai_next
        }
        return answers
    }

    private static var socketTypeStream: Int32 {
        #if canImport(Glibc)
        Int32(SOCK_STREAM.rawValue)
        #else
        Int32(SOCK_STREAM)
        #endif
    }

    #if canImport(Glibc)
    // `EAI_NODATA` and `EAI_ADDRFAMILY`: GNU extensions, which the module of the C library leaves out.
    private static let noData: Int32 = -5
    private static let addressFamily: Int32 = -9
    #endif

    private func error(_ status: Int32, _ systemError: Int32, name: String) -> NameResolutionError {
        let text = gai_strerror(status).map { String(cString: $0) } ?? "error \(status)"
        switch status {
        case EAI_NONAME:
            return NameResolutionError(.noSuchName, name: name, "does not exist (\(text))")
        case EAI_AGAIN:
            return NameResolutionError(
                .temporaryFailure, name: name, "\(respondents) did not answer for \(name) (\(text))")
        case EAI_SYSTEM:
            return NameResolutionError(.failure, name: name, "look-up failed with error number \(systemError)")
        #if canImport(Glibc)
        case Self.noData, Self.addressFamily:
            return NameResolutionError(.noAddress, name: name, "has no address of that family (\(text))")
        #endif
        default:
            return NameResolutionError(.failure, name: name, "look-up failed (\(text))")
        }
    }
}

/// The name servers that look-ups ask, for errors. glibc does not report them.
private final class AskedServers: Sendable, CustomStringConvertible {
    private let known = Locked<(servers: [NameServer], readAt: ContinuousClock.Instant)?>(nil)

    /// Reads `resolv.conf` unless that was just done. Call it where files may be read.
    func refresh() {
        let isFresh = known.withLock { $0.map { .now - $0.readAt < .seconds(10) } ?? false }
        guard !isFresh, let configuration = try? DNSConfiguration.system() else { return }
        known.withLock { $0 = (configuration.nameServers, .now) }
    }

    var description: String { NameServer.list(known.withLock { $0?.servers } ?? []) }
}

extension NameServer {
    /// Name servers as a part of a sentence.
    static func list(_ servers: [NameServer]) -> String {
        let texts = servers.map { $0.port == 53 ? "\($0.address)" : "\($0)" }
        guard let last = texts.last else { return "the name service" }
        return texts.count == 1
            ? "the name server \(last)" : "the name servers \(texts.dropLast().joined(separator: ", ")) and \(last)"
    }
}
