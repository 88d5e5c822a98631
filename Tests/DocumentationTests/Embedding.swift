import KerberosCredentials
import MongoAuth
import MongoTransport
import NIOCore
import SASL
import SASLGSSAPI

// The code of the articles "Embedding in a driver" of MongoAuth and "Where work runs" of MongoConnect, and of the README.

/// What a protocol that carries SASL brings back: the server's challenge, `nil` where it sent none, and whether it says that
/// the authentication has succeeded.
struct ServerAnswer {
    var challenge: [UInt8]?
    var isSuccess: Bool
}

struct NotAuthenticated: Error {}

/// Runs a session over any protocol.
func authenticate(
    _ session: consuming SaslSession, send: ([UInt8]) async throws -> ServerAnswer
) async throws {
    var step = try session.step(nil)
    var serverSaysDone = false
    while case .respond(let token) = step {
        // A server that is done before us has not seen our proof, or not given its own.
        guard !serverSaysDone else { throw NotAuthenticated() }
        let answer = try await send(token)
        serverSaysDone = answer.isSuccess
        step = try session.step(answer.challenge)
    }
    guard session.isComplete, serverSaysDone else { throw NotAuthenticated() }
}

/// One manager for the process: it keeps the tickets.
let manager = KerberosCredentialManager()

func authenticateByKerberos(send: ([UInt8]) async throws -> ServerAnswer) async throws {
    let ticket = try await manager.serviceCredential(
        of: .system(user: "ann@EXAMPLE.COM"), for: ServicePrincipal(service: "ldap", host: "ldap.example.com"),
        by: .now + .seconds(10))
    let mechanism = GSSAPIMechanism(
        provider: ticket, target: ticket.target, authorizationIdentity: .text(ticket.clientPrincipal))
    try await authenticate(try SaslSession(mechanism), send: send)
}

/// A driver's connection, of which the README knows that it runs commands.
protocol DriversConnection: Sendable {
    func execute(_ command: [UInt8]) async throws -> [UInt8]
    func close()
}

/// One authenticator for the process: it keeps the tickets.
let authenticator = MongoAuthenticator()

func authenticate(_ connection: some DriversConnection) async throws {
    let runner = RacingCommandRunner {
        try await connection.execute($0)
    } giveUp: {
        connection.close()
    }
    try await authenticator.authenticate(
        .kerberos(username: "ann@EXAMPLE.COM"), serverHost: "db.example.com", over: runner, by: .now + .seconds(10))
}

/// The steps of the conversation run on the connection's event loop, like all else of that connection.
func authenticate(
    _ credential: MongoCredential, serverHost: String, over runner: some CommandRunner, on eventLoop: any EventLoop,
    by deadline: ContinuousClock.Instant
) async throws -> AuthenticationDetails {
    try await withTaskExecutorPreference(EventLoopTaskExecutor(eventLoop)) {
        try await authenticator.authenticate(credential, serverHost: serverHost, over: runner, by: deadline)
    }
}

/// Takes a step where it may be taken: on the event loop, or on a thread that may wait.
func step(
    _ session: inout SaslSession, _ challenge: [UInt8]?,
    onThread: (inout SaslSession, [UInt8]?) async throws -> SaslStep
) async throws -> SaslStep {
    if session.mayBlock(on: challenge) {
        return try await onThread(&session, challenge)
    }
    return try session.step(challenge)
}
