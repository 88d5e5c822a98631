import CCyrusSASL
import NIOConcurrencyHelpers

/// The server side of Cyrus SASL, which is initialised once for the whole process.
enum CyrusLibrary {
    private enum State {
        case fresh
        case ready(keytab: String?)
        case failed(MongoTestServerError)
    }

    private static let state = NIOLockedValueBox(State.fresh)

    /// Initialises the library, or finds that it is.
    ///
    /// It always keeps the first keytab, so a second one is refused and not silently ignored.
    static func prepare(keytab: String?) throws(MongoTestServerError) {
        try state.withLockedValue { state -> Result<Void, MongoTestServerError> in
            if case .fresh = state {
                let result = ccyrus_server_init("mongodb", keytab, ProxyPolicy.callback)
                state =
                    result == SASL_OK
                    ? .ready(keytab: keytab)
                    : .failed(
                        MongoTestServerError(.sasl, "Cyrus SASL could not be initialised: \(text(of: result))"))
            }
            switch state {
            case .ready(let first) where first != keytab:
                return .failure(
                    MongoTestServerError(
                        .invalidConfiguration,
                        "this process already accepts with the keytab \(first ?? "of its environment"), and Kerberos "
                            + "has one for a process: start the other server in a process of its own"))
            case .failed(let error):
                return .failure(error)
            case .ready, .fresh:
                return .success(())
            }
        }.get()
    }

    /// The library's text for a result code.
    static func text(of result: Int32) -> String {
        sasl_errstring(result, nil, nil).map { String(cString: $0) } ?? "code \(result)"
    }
}

/// The authorization rule: users act only as themselves, under their full name.
enum ProxyPolicy {
    /// Whether an authenticated principal may act under the identity that the client asked for.
    ///
    /// The GSSAPI plugin removes the default realm from the authenticated name, so it is put back before the two are
    /// compared byte for byte. An identity without a realm never matches; nor does an empty one, for which the
    /// plugin passes the stripped name. This is how Percona Server decides.
    static func allows(_ requested: String, authenticated: String) -> Bool {
        guard let full = fullPrincipal(authenticated) else { return false }
        return Array(requested.utf8) == Array(full.utf8)
    }

    /// The principal with its realm; `nil` if it is not a principal.
    static func fullPrincipal(_ name: String) -> String? {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty else { return nil }
        var length = -1
        // Longer names exist only in attacks.
        let principal = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            length = bytes.withUnsafeBytes { name in
                ccyrus_full_principal(
                    name.baseAddress?.assumingMemoryBound(to: CChar.self), name.count,
                    UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self), buffer.count)
            }
            count = max(length, 0)
        }
        return length > 0 ? String(validating: principal, as: UTF8.self) : nil
    }

    /// The policy callback of Cyrus; names come with a length and are not terminated.
    static let callback:
        @convention(c) (
            OpaquePointer?, UnsafeMutableRawPointer?, UnsafePointer<CChar>?, UInt32, UnsafePointer<CChar>?, UInt32,
            UnsafePointer<CChar>?, UInt32, OpaquePointer?
        ) -> Int32 = { _, _, requested, requestedLength, authenticated, authenticatedLength, _, _, _ in
            func name(_ bytes: UnsafePointer<CChar>?, _ length: UInt32) -> String? {
                bytes.flatMap { String(validating: UnsafeBufferPointer(start: $0, count: Int(length)), as: UTF8.self) }
            }
            guard let requested = name(requested, requestedLength),
                let authenticated = name(authenticated, authenticatedLength)
            else { return SASL_BADAUTH }
            return allows(requested, authenticated: authenticated) ? SASL_OK : SASL_BADAUTH
        }
}
