import CCyrusSASL
import NIOConcurrencyHelpers

/// SASL by Cyrus, for GSSAPI.
struct CyrusSasl: ServerSasl {
    let service: String
    let host: String

    func begin(_ request: SaslRequest) -> any ServerExchange {
        do throws(MongoTestServerError) {
            return try CyrusExchange(service: service, host: host)
        } catch {
            return FailedExchange(reason: error.message)
        }
    }
}

/// An exchange that could not begin.
struct FailedExchange: ServerExchange {
    let reason: String

    func step(_ token: [UInt8]) -> SaslOutcome { .failed(reason: reason) }
}

/// One SASL exchange by Cyrus, as real servers do it: `sasl_server_new`, `sasl_server_start`, `sasl_server_step`.
///
/// Calls may read files and take milliseconds: make them on a thread that may block. The connection is freed with
/// the last reference.
final class CyrusExchange: ServerExchange {
    private struct State {
        /// The connection as a number: a pointer is not `Sendable`, which the box requires of its value.
        private var address: UInt
        var hasStarted = false

        init(connection: OpaquePointer?) {
            address = UInt(bitPattern: connection)
        }

        var connection: OpaquePointer? {
            get { OpaquePointer(bitPattern: address) }
            set { address = UInt(bitPattern: newValue) }
        }
    }

    /// A Cyrus connection takes one call at a time.
    private let state: NIOLockedValueBox<State>

    /// Creates an exchange for the acceptor `service/host`.
    init(service: String, host: String) throws(MongoTestServerError) {
        var connection: OpaquePointer?
        let result = ccyrus_server_new(service, host, &connection)
        guard result == SASL_OK, connection != nil else {
            throw MongoTestServerError(.sasl, "sasl_server_new failed: \(CyrusLibrary.text(of: result))")
        }
        state = NIOLockedValueBox(State(connection: connection))
    }

    deinit {
        state.withLockedValue { ccyrus_dispose($0.connection) }
    }

    /// Processes the client's token, and returns the result.
    func step(_ token: [UInt8]) -> SaslOutcome {
        state.withLockedValue { state in
            guard let connection = state.connection else { return .failed(reason: "the exchange is over") }
            var output: UnsafePointer<CChar>?
            var outputLength: UInt32 = 0
            let result = token.withUnsafeBytes { bytes in
                // An empty token is not an absent one, and has an address too.
                withUnsafePointer(to: 0 as CChar) { empty in
                    let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) ?? empty
                    let length = UInt32(clamping: bytes.count)
                    return state.hasStarted
                        ? sasl_server_step(connection, start, length, &output, &outputLength)
                        : sasl_server_start(connection, "GSSAPI", start, length, &output, &outputLength)
                }
            }
            state.hasStarted = true
            if result == SASL_CONTINUE {
                return .challenge(
                    [UInt8](UnsafeRawBufferPointer(start: output, count: output == nil ? 0 : Int(outputLength))))
            }
            defer {
                ccyrus_dispose(connection)
                state.connection = nil
            }
            guard result == SASL_OK else {
                let words = ccyrus_failure(connection).map { String(cString: $0) } ?? ""
                return .failed(reason: "\(CyrusLibrary.text(of: result)): \(words)")
            }
            guard let identity = ccyrus_authorization_identity(connection),
                let principal = String(validatingCString: identity)
            else { return .failed(reason: "the exchange ended without an identity") }
            return .authenticated(user: principal)
        }
    }
}
