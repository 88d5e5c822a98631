import NIOConcurrencyHelpers
import NameResolution

/// Scripted answers, each family separately. A question for both combines the two: it waits for the later one,
/// and fails if one of them was not answered.
struct ScriptedResolver: NameResolver {
    enum Answer: Sendable {
        case addresses([String])
        case failure(NameResolutionError.Code)
        /// Never, until it is cancelled.
        case silence
        /// After so long.
        case late(Duration, [String])
    }

    var ipv4 = Answer.failure(.noAddress)
    var ipv6 = Answer.failure(.noAddress)
    /// For both families, where that is not what the two give.
    var both: Answer?
    /// The families that were asked for and got no answer yet; `nil` is both.
    let pending = NIOLockedValueBox<Set<IPAddress.Family?>>([])
    /// The families that were asked for.
    let asked = NIOLockedValueBox<[IPAddress.Family?]>([])

    let respondents = "the scripted server"

    func addresses(
        of host: String, family: IPAddress.Family?, by deadline: ContinuousClock.Instant
    ) async throws -> [IPAddress] {
        asked.withLockedValue { $0.append(family) }
        pending.withLockedValue { _ = $0.insert(family) }
        defer { pending.withLockedValue { _ = $0.remove(family) } }
        switch family {
        case .ipv4?: return try await answer(ipv4, host)
        case .ipv6?: return try await answer(ipv6, host)
        case nil:
            if let both { return try await answer(both, host) }
            var addresses: [IPAddress] = []
            var failures: [NameResolutionError] = []
            for script in [ipv6, ipv4] {
                do {
                    addresses += try await answer(script, host)
                } catch let error as NameResolutionError {
                    failures.append(error)
                }
            }
            // The worse failure is the one that is told, and what no failure is tells less.
            let order: [NameResolutionError.Code] = [.temporaryFailure, .failure, .noSuchName, .noAddress]
            let worst = order.lazy.compactMap { code in failures.first { $0.code == code } }.first
            if let worst, addresses.isEmpty || worst.code == .temporaryFailure { throw worst }
            return addresses
        }
    }

    private func answer(_ answer: Answer, _ host: String) async throws -> [IPAddress] {
        switch answer {
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
