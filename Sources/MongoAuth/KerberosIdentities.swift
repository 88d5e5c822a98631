internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import NIOConcurrencyHelpers
internal import SASL

/// The Kerberos identities of an authenticator: each one's tickets, fetched once for all that need them at the same time
/// and kept for those that come later.
///
/// What reads files and what asks a KDC have threads of their own: a KDC that does not answer costs those who need it.
final class KerberosIdentities: Sendable {
    /// An identity: a user and where its tickets come from.
    struct Key: Hashable, Sendable {
        var username: String
        var store: KerberosCredentialStore
        var password: ComparableSecret?

        /// Whether a KDC is to be asked for the first ticket, so that it can be asked again.
        var isRequested: Bool { password != nil || store.clientKeytab != nil }
    }

    /// What a context is made with: the credential has the service's ticket already.
    struct Ticket: Sendable {
        var credential: KerberosCredential
        var service: GSSName
    }

    private struct ServiceKey: Hashable, Sendable {
        var tickets: ObjectIdentifier
        var service: ServicePrincipal
    }

    /// A service's name and whether its ticket is at hand.
    private struct Finding: Sendable {
        var name: GSSName
        var isFound: Bool
    }

    private struct Entry {
        var tickets: ServiceTickets?
        var lastUse = ContinuousClock.now
        /// Not before this a renewal is tried that nobody waits for.
        var nextRenewal = ContinuousClock.now
        /// Fires when the tickets are to be renewed even if nobody uses them.
        var renewal: RenewalTimer?
        var refusals: [ServicePrincipal: Refusal] = [:]
    }

    /// What became of a service's ticket that its server did not take.
    private struct Refusal {
        /// Whether the next one who needs it is to have another one.
        var isPending = true
        /// Not before this the next refusal counts.
        var next = ContinuousClock.now
    }

    /// How many identities are kept, with their passwords. The one that was used the longest time ago goes first.
    private static let capacity = 1024
    /// The least time between two tries.
    private static let renewalPause = Duration.seconds(30)
    /// A server that refuses for another reason than its key must not cost a ticket for each attempt.
    private static let refusalPause = Duration.seconds(30)

    private let entries = NIOLockedValueBox<[Key: Entry]>([:])
    private let files: BlockingWorkers
    private let reading: SharedWork<Key, ServiceTickets?>
    private let requesting: SharedWork<Key, ServiceTickets>
    private let finding: SharedWork<ServiceKey, Finding>
    private let fetching: SharedWork<ServiceKey, GSSName>

    /// - Parameters:
    ///   - files: Threads for what reads files.
    ///   - network: Threads for what asks a KDC.
    init(files: BlockingWorkers, network: BlockingWorkers) {
        self.files = files
        reading = SharedWork(workers: files)
        finding = SharedWork(workers: files)
        requesting = SharedWork(workers: network)
        fetching = SharedWork(workers: network)
    }

    /// Gets an identity's ticket for a service.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    func ticket(
        of key: Key, for service: ServicePrincipal, by deadline: ContinuousClock.Instant
    ) async throws -> Ticket {
        try await ExchangeWorker.translating {
            let tickets = try await tickets(of: key, by: deadline)
            let name = try await serviceName(service, tickets, of: key, by: deadline)
            return Ticket(credential: tickets.tickets.credential, service: name)
        }
    }

    /// Notes that a server did not take a service's ticket: perhaps its key has changed, and there is a better one.
    func refused(_ service: ServicePrincipal, of key: Key) {
        entries.withLockedValue { entries in
            if let next = entries[key]?.refusals[service]?.next, .now < next { return }
            entries[key]?.refusals[service] = Refusal()
        }
    }

    private func isRefused(_ service: ServicePrincipal, of key: Key) -> Bool {
        entries.withLockedValue { $0[key]?.refusals[service]?.isPending == true }
    }

    private func settleRefusal(_ service: ServicePrincipal, of key: Key) {
        entries.withLockedValue {
            $0[key]?.refusals[service] = Refusal(isPending: false, next: .now + Self.refusalPause)
        }
    }

    /// The tickets that an identity has at present. Asks no KDC, and gets none.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    func list(_ key: Key, by deadline: ContinuousClock.Instant) async throws -> [KerberosTicket] {
        guard let tickets = known(key)?.tickets else { return [] }
        return try await ExchangeWorker.translating { try await files.run(by: deadline) { try tickets.list() } }
    }

    // MARK: - The user's tickets

    private func tickets(of key: Key, by deadline: ContinuousClock.Instant) async throws -> ServiceTickets {
        touch(key)
        do {
            if !key.isRequested, let tickets = try await reading.value(for: key, by: deadline, { try self.read(key) }) {
                return tickets
            }
            if let tickets = requested(key) { return tickets }
            return try await requesting.value(for: key, by: deadline) { try self.request(key) }
        } catch let error as KerberosCacheMismatch {
            throw MongoAuthError(
                .kerberos,
                "the user is \(error.wanted), but the Kerberos credentials in \(error.cache ?? "the default cache") are "
                    + "those of \(error.found): run `kinit \(error.wanted)`, or name \(error.found) as the user",
                underlying: error.underlying)
        } catch let error as GSSError {
            throw MongoAuthError(
                .kerberos, "no Kerberos credential for \(key.username): \(error.message)", underlying: error)
        }
    }

    /// Copies the tickets from their cache, unless that is as it was. On a worker.
    ///
    /// - Returns: `nil` where there is no cache, but a default client keytab that serves instead.
    private func read(_ key: Key) throws -> ServiceTickets? {
        if let known = known(key), known.tickets.origin != nil, known.isValid, known.tickets.areCurrent { return known }
        let isDefault = key.store.cache == nil && KerberosTickets.keytab(nil, has: key.username)
        do {
            let tickets = ServiceTickets(try KerberosTickets.copy(from: key.store.cache, user: key.username))
            guard tickets.isValid || !isDefault else { return nil }
            keep(tickets, key)
            return tickets
        } catch {
            if isDefault { return nil }
            throw error
        }
    }

    /// Tickets that a KDC gave before and that are still good, with a look at their age: from the middle of their life on
    /// they are renewed while they serve.
    private func requested(_ key: Key) -> ServiceTickets? {
        guard let known = known(key), known.tickets.origin == nil, known.isValid else { return nil }
        let now = ContinuousClock.now
        guard let middle = known.tickets.middle, now >= middle else { return known }
        let isDue = entries.withLockedValue { entries in
            guard let entry = entries[key], now >= entry.nextRenewal else { return false }
            entries[key]?.nextRenewal = now + Self.pause(before: known.tickets.end)
            return true
        }
        if isDue { requesting.begin(for: key) { try self.request(key) } }
        return known
    }

    /// Renews tickets that nobody may be using, and comes back while they are good and the KDC has given no others.
    private func renew(_ key: Key) {
        guard let known = requested(key), let end = known.tickets.end else { return }
        let next = ContinuousClock.now + Self.pause(before: end)
        guard next < end else { return }
        let renewal = timer(for: key, at: next)
        entries.withLockedValue { entries in
            // The new tickets came meanwhile, with a timer of their own.
            guard entries[key]?.tickets === known else { return }
            entries[key]?.renewal = renewal
        }
    }

    /// How long a renewal that comes to nothing is not tried again: half of what is left. A password that was changed
    /// meanwhile is tried a few times that way, not as often as it takes to lock its account.
    static func pause(before end: ContinuousClock.Instant?, now: ContinuousClock.Instant = .now) -> Duration {
        max(renewalPause, end.map { ($0 - now) / 2 } ?? renewalPause)
    }

    private func timer(for key: Key, at time: ContinuousClock.Instant) -> RenewalTimer {
        RenewalTimer(at: time) { [weak self] in self?.renew(key) }
    }

    /// Asks a KDC for the first ticket. On a worker.
    private func request(_ key: Key) throws -> ServiceTickets {
        // The one before may have ended just now.
        if let known = known(key), known.tickets.origin == nil, known.isValid, known.isYoung { return known }
        let tickets: KerberosTickets
        if let password = key.password {
            tickets = try password.secret.withBytes { bytes in
                try KerberosTickets.request(user: key.username, password: bytes, store: key.store)
            }
        } else {
            tickets = try KerberosTickets.request(user: key.username, store: key.store)
        }
        let own = ServiceTickets(tickets)
        keep(own, key)
        return own
    }

    // MARK: - What is kept

    private func known(_ key: Key) -> ServiceTickets? {
        entries.withLockedValue { $0[key]?.tickets }
    }

    private func keep(_ tickets: ServiceTickets, _ key: Key) {
        // Tickets from a cache are renewed by whoever keeps that.
        let middle = tickets.tickets.origin == nil ? tickets.tickets.middle : nil
        let renewal = middle.map { timer(for: key, at: $0) }
        let old = entries.withLockedValue { entries -> Entry? in
            defer {
                entries[key, default: Entry()].tickets = tickets
                entries[key]?.nextRenewal = .now
                entries[key]?.renewal = renewal
            }
            return entries[key]
        }
        // Not under the lock: with the last reference the cache is wiped.
        withExtendedLifetime(old) {}
    }

    /// Notes that an identity is in use, and makes room for a new one.
    private func touch(_ key: Key) {
        let dropped = entries.withLockedValue { entries -> [Key: Entry] in
            var dropped: [Key: Entry] = [:]
            if entries[key] == nil {
                dropped = entries.filter { $0.value.tickets?.isValid == false }
                for key in dropped.keys { entries[key] = nil }
                if entries.count >= Self.capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
                {
                    dropped[oldest.key] = entries.removeValue(forKey: oldest.key)
                }
            }
            entries[key, default: Entry()].lastUse = .now
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    // MARK: - The service's ticket

    /// Sees to it that the service's ticket is there, and gives the service's name.
    private func serviceName(
        _ service: ServicePrincipal, _ tickets: ServiceTickets, of identity: Key, by deadline: ContinuousClock.Instant
    ) async throws -> GSSName {
        let isRefused = isRefused(service, of: identity)
        if !isRefused, let name = tickets.name(of: service) { return name }
        let key = ServiceKey(tickets: ObjectIdentifier(tickets), service: service)
        let found = try await finding.value(for: key, by: deadline) {
            let name = try service.gssName()
            let end = try tickets.tickets.ticket(for: name)
            if let end { tickets.remember(service, name, until: end) }
            return Finding(name: name, isFound: end != nil)
        }
        if found.isFound, !isRefused { return found.name }
        return try await fetching.value(for: key, by: deadline) { [self] in
            if found.isFound {
                // Others were here before, or the one that there is has to do.
                guard self.isRefused(service, of: identity) else { return found.name }
                // Not before there is a better one: who comes meanwhile waits for it.
                defer { settleRefusal(service, of: identity) }
                guard let end = try? tickets.tickets.replaceTicket(for: found.name) else { return found.name }
                tickets.remember(service, found.name, until: end)
                return found.name
            }
            let end = try tickets.tickets.getTicket(for: found.name)
            tickets.remember(service, found.name, until: end)
            if self.isRefused(service, of: identity) { settleRefusal(service, of: identity) }
            tickets.tickets.saveTicket(for: found.name)
            return found.name
        }
    }
}

/// A user's tickets, with a note of the services that have one among them.
private final class ServiceTickets: Sendable {
    private struct Note {
        var name: GSSName
        var end: ContinuousClock.Instant
    }

    let tickets: KerberosTickets
    private let notes = NIOLockedValueBox<[ServicePrincipal: Note]>([:])

    init(_ tickets: KerberosTickets) {
        self.tickets = tickets
    }

    /// Whether the ticket-granting ticket lasts long enough to be used. Times are in whole seconds.
    var isValid: Bool { tickets.end.map { $0 - .now > .seconds(1) } ?? true }

    /// Whether there is no need to renew it yet.
    var isYoung: Bool { tickets.middle.map { $0 > .now } ?? true }

    func name(of service: ServicePrincipal) -> GSSName? {
        notes.withLockedValue { notes in
            guard let note = notes[service], note.end > .now else { return nil }
            return note.name
        }
    }

    func remember(_ service: ServicePrincipal, _ name: GSSName, until end: ContinuousClock.Instant) {
        notes.withLockedValue { $0[service] = Note(name: name, end: end - .seconds(1)) }
    }
}

/// A secret that can be told from another one, in a time that does not depend on where they differ.
struct ComparableSecret: Hashable, Sendable {
    let secret: Secret

    static func == (one: ComparableSecret, other: ComparableSecret) -> Bool {
        one.secret.withBytes { first in
            other.secret.withBytes { second in
                guard first.count == second.count else { return false }
                return zip(first, second).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
            }
        }
    }

    /// A hash would say something of the secret.
    func hash(into hasher: inout Hasher) {}
}

/// Principals as users write them.
enum KerberosPrincipal {
    /// Whether a principal names its realm: an `@` that no backslash escapes.
    static func hasRealm(_ principal: String) -> Bool {
        var isEscaped = false
        for byte in principal.utf8 {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "@") {
                return true
            }
        }
        return false
    }
}
