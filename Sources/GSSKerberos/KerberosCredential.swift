internal import CKerberosGSSAPI
public import GSSCore

/// Where a credential's keys and tickets are kept (MIT's credential store, `gss_acquire_cred_from`).
///
/// `nil` stands for the library's default, from its configuration and the process's environment.
public struct KerberosCredentialStore: Sendable, Hashable {
    /// A cache by its full name, for example `FILE:/tmp/krb5cc_1000` or `MEMORY:mine`. Linux shows a
    /// `KEYRING:process:` cache only to the thread that made the keyring and to those that it starts later, and a
    /// `KEYRING:thread:` one to no other thread, so workers may not see them.
    public var cache: String?
    /// The keytab from which an initiator gets its tickets, for example `FILE:/etc/app.keytab`.
    public var clientKeytab: String?
    /// The keytab with an acceptor's keys.
    public var keytab: String?
    /// An acceptor's replay cache, for example `none:`.
    public var replayCache: String?

    /// Creates a store; by default the library's own.
    public init(
        cache: String? = nil, clientKeytab: String? = nil, keytab: String? = nil, replayCache: String? = nil
    ) {
        self.cache = cache
        self.clientKeytab = clientKeytab
        self.keytab = keytab
        self.replayCache = replayCache
    }

    var elements: [(key: String, value: String)] {
        [("ccache", cache), ("client_keytab", clientKeytab), ("keytab", keytab), ("rcache", replayCache)]
            .compactMap { key, value in value.map { (key, $0) } }
    }
}

/// An identity that can start or accept Kerberos contexts.
///
/// The C library locks a credential itself, so one value may be used by many conversations, on any thread. While
/// one of them waits for a KDC, it may hold that lock, and the others wait too. One that has a ``ticket`` never waits.
/// It is released with the last reference.
public final class KerberosCredential: Sendable {
    /// Whether contexts are begun or accepted with a credential.
    @nonexhaustive
    public enum Usage: Sendable, Hashable {
        /// To start contexts, as a client.
        case initiate
        /// To accept contexts, as a server.
        case accept
    }

    /// The handle's address. The pointer type is not `Sendable`, but the library's object is designed to be shared.
    private let address: UInt

    /// Whether contexts are begun or accepted with it.
    public let usage: Usage
    /// The only ticket that it holds, for a service, if ``KerberosCredentialCache`` created it: without a
    /// ticket-granting ticket, a key or a keytab no step of a context can ask a KDC, and a step after the ticket has
    /// expired is an error.
    public let ticket: KerberosTicket?
    private let ticketEnd: TicketEnd?
    /// The name of the ticket's service, imported once.
    let target: KerberosName?
    /// Kept as long as the handle that reads it.
    private let ownCache: PrivateCache?
    /// How to acquire it again for another mechanism; `nil` for an adopted one.
    private let origin: (name: GSSName?, store: KerberosCredentialStore)?
    private let mechanisms: [GSSObjectIdentifier]?

    /// Acquires a credential. Reads files and may talk to a KDC (with a client keytab): it may block.
    ///
    /// - Parameters:
    ///   - name: The owner, or `nil` for the store's own.
    ///   - usage: What it is for.
    ///   - store: Where to look.
    ///   - mechanisms: Those that contexts may be made with: Kerberos, and SPNEGO with Kerberos inside. An acceptor
    ///     takes no others.
    /// - Throws: ``/GSSCore/GSSError``, with ``/GSSCore/GSSMajorStatus/RoutineError/noCredential`` if there is none.
    public convenience init(
        name: GSSName? = nil, usage: Usage = .initiate, store: KerberosCredentialStore = .init(),
        mechanisms: [GSSObjectIdentifier] = [.kerberos5]
    ) throws(GSSError) {
        try self.init(
            name: name, usage: usage, store: store, mechanisms: mechanisms, ticket: nil, ticketEnd: nil, ownCache: nil)
    }

    /// Adopts a credential that other code got from the C library, such as a Kerberos module of a web server: it is
    /// released with the last reference to this object.
    ///
    /// - Parameters:
    ///   - handle: A `gss_cred_id_t` of MIT Kerberos' `libgssapi_krb5` in this process. Nothing else may release it.
    ///   - usage: What it is for.
    public init(adopting handle: OpaquePointer, usage: Usage) {
        address = UInt(bitPattern: handle)
        self.usage = usage
        (ticket, ticketEnd, target, ownCache, origin, mechanisms) = (nil, nil, nil, nil, nil, nil)
    }

    /// The same identity for another mechanism: this credential, if it has that mechanism.
    ///
    /// - Parameter exactFlags: Whether an acceptor must see which protection was requested. Otherwise Kerberos
    ///   always reports integrity and confidentiality.
    func speaking(
        _ mechanism: GSSObjectIdentifier, exactFlags: Bool = false
    ) throws(GSSError) -> KerberosCredential {
        guard let origin, let mechanisms else {
            // It is not shared, so it can be changed.
            if mechanism == .spnego {
                try ExitGate.run { withHandle { Self.restrict($0, exactFlags: exactFlags) } }.get()
            }
            return self
        }
        guard exactFlags || !mechanisms.contains(mechanism) else { return self }
        // Acquiring with an expired ticket would look for another one.
        if let timeLeft, timeLeft <= .zero {
            throw GSSError(call: "gss_acquire_cred_from", major: .init(.credentialsExpired), subject: ticket?.server)
        }
        return try KerberosCredential(
            name: origin.name, usage: usage, store: origin.store, mechanisms: [mechanism], exactFlags: exactFlags,
            ticket: ticket, ticketEnd: ticketEnd, ownCache: ownCache)
    }

    /// The credential of a cache with one ticket, which has not expired: otherwise GSS-API would look for another way
    /// to get one.
    convenience init(
        _ ticket: KerberosTicket, until end: TicketEnd, in cache: PrivateCache
    ) throws(GSSError) {
        // An empty keytab instead of the default one: without a key no KDC can be asked.
        let store = KerberosCredentialStore(cache: cache.name, clientKeytab: "MEMORY:no-keys-\(cache.name)")
        try self.init(
            name: nil, usage: .initiate, store: store, mechanisms: [.kerberos5], ticket: ticket, ticketEnd: end,
            ownCache: cache)
    }

    private init(
        name: GSSName?, usage: Usage, store: KerberosCredentialStore, mechanisms: [GSSObjectIdentifier],
        exactFlags: Bool = false, ticket: KerberosTicket?, ticketEnd: TicketEnd?, ownCache: PrivateCache?
    ) throws(GSSError) {
        try ConfigurationIncludes.check()
        guard ExitGate.enter() else { throw ExitGate.ending }
        defer { ExitGate.leave() }
        self.usage = usage
        self.ticket = ticket
        self.ticketEnd = ticketEnd
        self.ownCache = ownCache
        self.mechanisms = mechanisms
        origin = (name, store)
        // In the mechanism's own form, so that a step neither imports nor looks up anything.
        target = if let ticket { try KerberosName(.principal(ticket.server)).canonicalized() } else { nil }
        let imported: KerberosName? =
            if let name { try KerberosName(name) } else { nil }
        var minor: OM_uint32 = 0
        var acquired: gss_cred_id_t?
        let major = GSSBuffers.withIdentifierSet(mechanisms) { mechanisms in
            store.withKeyValueSet { keyValues in
                gss_acquire_cred_from(
                    &minor, imported?.handle, cgss_lifetime_indefinite(), mechanisms,
                    usage == .initiate ? GSS_C_INITIATE : GSS_C_ACCEPT, keyValues, &acquired, nil, nil)
            }
        }
        withExtendedLifetime(imported) {}
        // Before the check: deinit does not run for an instance whose initializer threw, so nothing may be held yet.
        try GSSMajorStatus.check("gss_acquire_cred_from", major, minor, subject: name?.text ?? store.cache)
        if mechanisms.contains(.spnego) {
            do throws(GSSError) {
                try Self.restrict(acquired, exactFlags: exactFlags).get()
            } catch {
                gss_release_cred(&minor, &acquired)
                throw error
            }
        }
        address = UInt(bitPattern: acquired)
    }

    /// Lets SPNEGO negotiate Kerberos only: other mechanisms of this machine, such as NTLM, are not for a Kerberos
    /// credential.
    private static func restrict(_ credential: gss_cred_id_t?, exactFlags: Bool) -> Result<Void, GSSError> {
        Result { () throws(GSSError) in
            var minor: OM_uint32 = 0
            let major = GSSBuffers.withIdentifierSet([.kerberos5]) { gss_set_neg_mechs(&minor, credential, $0) }
            try GSSMajorStatus.check("gss_set_neg_mechs", major, minor)
            guard exactFlags else { return }
            var credential = credential
            var nothing = gss_buffer_desc(length: 0, value: nil)
            let result = gss_set_cred_option(&minor, &credential, GSS_KRB5_CRED_NO_CI_FLAGS_X, &nothing)
            try GSSMajorStatus.check("gss_set_cred_option", result, minor)
        }
    }

    deinit {
        var minor: OM_uint32 = 0
        var credential = OpaquePointer(bitPattern: address)
        try? ExitGate.run { _ = gss_release_cred(&minor, &credential) }
    }

    /// When ``ticket`` expires; `nil` without one.
    public var end: ContinuousClock.Instant? { ticketEnd?.instant }

    /// How long ``ticket`` is valid, by whichever of this machine's clocks says less: libkrb5 uses the wall
    /// clock. Zero if that clock was set since; `nil` without a ticket.
    public var timeLeft: Duration? { ticketEnd?.left }

    /// Lends the C handle.
    func withHandle<R>(_ body: (gss_cred_id_t?) -> R) -> R {
        defer { withExtendedLifetime(self) {} }
        return body(OpaquePointer(bitPattern: address))
    }

    /// The credential's owner and lifetime. Performs what the library had deferred, such as opening the cache.
    public func inquire() throws(GSSError) -> KerberosCredentialInfo {
        var minor: OM_uint32 = 0
        var name: gss_name_t?
        var lifetime: OM_uint32 = 0
        let major = try ExitGate.run {
            withHandle { gss_inquire_cred(&minor, $0, &name, &lifetime, nil, nil) }
        }
        let owner = name.map(KerberosName.init(adopting:))
        try GSSMajorStatus.check("gss_inquire_cred", major, minor)
        return KerberosCredentialInfo(
            principal: try owner?.display(),
            lifetime: bounded(lifetime == cgss_lifetime_indefinite() ? nil : .seconds(Int64(lifetime))))
    }

    /// Writes the credential's tickets to a cache, where other programs find them: for a credential that a client
    /// delegated. May block.
    ///
    /// - Parameter cache: The cache's full name; its contents are replaced. There is no default, so that the process's
    ///   default cache is never replaced by accident.
    /// - Throws: ``/GSSCore/GSSError``; for the credential's own cache, which the library would empty first.
    public func copyTickets(to cache: String) throws(GSSError) {
        guard !cache.isEmpty, origin?.store.cache.map({ !isSameText($0, cache) }) ?? true else {
            throw GSSError(
                call: "gss_store_cred_into", major: .init(.failure),
                majorMessages: ["a credential cannot be copied to the cache that it is in"], subject: cache)
        }
        let store = KerberosCredentialStore(cache: cache)
        var minor: OM_uint32 = 0
        let major = try ExitGate.run {
            withHandle { credential in
                GSSBuffers.withIdentifier(.kerberos5) { mechanism in
                    store.withKeyValueSet {
                        gss_store_cred_into(&minor, credential, GSS_C_INITIATE, mechanism, 1, 0, $0, nil, nil)
                    }
                }
            }
        }
        try GSSMajorStatus.check("gss_store_cred_into", major, minor, subject: cache)
    }

    /// The lifetime that the library reports, at most the ticket's: if this machine's clock is ahead, the library's
    /// copy of the ticket has times of that clock.
    func bounded(_ lifetime: Duration?) -> Duration? {
        guard let end else { return lifetime }
        let left = max(.zero, end - .now)
        return lifetime.map { min($0, left) } ?? left
    }
}

extension KerberosCredential: GSSDelegatedCredential {}

extension KerberosCredential: Hashable {
    /// Whether both are the same object.
    public static func == (one: KerberosCredential, other: KerberosCredential) -> Bool { one === other }

    /// Hashes the object's identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What is known of a credential.
public struct KerberosCredentialInfo: Sendable, Hashable {
    /// The owner's full principal; `nil` for an acceptor that accepts any principal of its keytab.
    public var principal: String?
    /// The remaining lifetime, in whole seconds; `nil` if it does not expire. Zero is expired.
    public var lifetime: Duration?

    /// Creates a description.
    public init(principal: String?, lifetime: Duration?) {
        self.principal = principal
        self.lifetime = lifetime
    }
}

extension KerberosCredentialStore {
    /// Lends the store in the library's form; the null pointer for the default one.
    fileprivate func withKeyValueSet<R>(_ body: (UnsafePointer<gss_key_value_set_desc>?) -> R) -> R {
        Self.withElements(ArraySlice(elements), []) { descriptors in
            guard !descriptors.isEmpty else { return body(nil) }
            var descriptors = descriptors
            return descriptors.withUnsafeMutableBufferPointer { buffer in
                var set = gss_key_value_set_desc(count: OM_uint32(buffer.count), elements: buffer.baseAddress)
                return body(&set)
            }
        }
    }

    /// Nests one C string inside the other: each pointer is valid only inside its own closure.
    private static func withElements<R>(
        _ rest: ArraySlice<(key: String, value: String)>,
        _ done: [gss_key_value_element_desc],
        _ body: ([gss_key_value_element_desc]) -> R
    ) -> R {
        guard let first = rest.first else { return body(done) }
        return first.key.withCString { key in
            first.value.withCString { value in
                withElements(rest.dropFirst(), done + [gss_key_value_element_desc(key: key, value: value)], body)
            }
        }
    }
}
