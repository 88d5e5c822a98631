import NIOConcurrencyHelpers
import NameResolution

/// Answers as it is told, each family by itself.
struct ScriptedResolver: NameResolver {
    enum Answer: Sendable {
        case addresses([String])
        case failure(NameResolutionError.Code)
        /// Never, until it is cancelled.
        case silence
        /// After the other family's answer has been given for so long.
        case late(Duration, [String])
    }

    var ipv4 = Answer.failure(.noAddress)
    var ipv6 = Answer.failure(.noAddress)
    /// The families that were asked for and got no answer yet.
    let pending = NIOLockedValueBox<Set<IPAddress.Family>>([])

    func addresses(
        of host: String, family: IPAddress.Family?, by deadline: ContinuousClock.Instant
    ) async throws -> [IPAddress] {
        guard let family else {
            throw NameResolutionError(.failure, name: host, "both families were asked for at once")
        }
        pending.withLockedValue { _ = $0.insert(family) }
        defer { pending.withLockedValue { _ = $0.remove(family) } }
        switch family == .ipv4 ? ipv4 : ipv6 {
        case .addresses(let list):
            return list.compactMap { IPAddress($0) }
        case .failure(let code):
            throw NameResolutionError(code, name: host, "scripted")
        case .silence:
            // What a resolver's own deadline says is another test's business.
            try await Task.sleep(for: .seconds(3600))
            return []
        case .late(let delay, let list):
            try await Task.sleep(for: delay)
            return list.compactMap { IPAddress($0) }
        }
    }

    func canonicalName(of host: String, by deadline: ContinuousClock.Instant) async throws -> String {
        throw NameResolutionError(.failure, name: host, "not scripted")
    }

    func name(of address: IPAddress, by deadline: ContinuousClock.Instant) async throws -> String {
        throw NameResolutionError(.failure, name: "\(address)", "not scripted")
    }
}
