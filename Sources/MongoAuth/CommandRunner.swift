internal import BlockingWork

/// Runs MongoDB commands one at a time: a connection, or a driver's internals.
///
/// This is all that authentication needs from a transport. Commands and replies are BSON documents as bytes, so that
/// a driver needs none of this package's BSON types.
public protocol CommandRunner: Sendable {
    /// Sends a command and returns its reply.
    ///
    /// A reply that reports a failed command (`ok: 0`) is returned, not thrown.
    ///
    /// - Parameters:
    ///   - command: The whole command as one BSON document; its first key is the command's name, and it has the key
    ///     `$db`.
    ///   - deadline: When to give up. It covers everything from sending to the last byte of the reply.
    /// - Returns: The reply's body, one BSON document. The caller checks it.
    /// - Throws: Only for failures of the transport: not sent, no reply, the deadline has passed. If
    ///   the task is cancelled, the call throws at once. After a throw the connection must not be used for another
    ///   command.
    func run(_ command: [UInt8], by deadline: ContinuousClock.Instant) async throws -> [UInt8]
}

/// A runner that can send several commands at once, for
/// ``MongoAuthenticator/authenticatePipelined(_:hello:serverHost:over:by:observe:)``.
public protocol PipelinedCommandRunner: CommandRunner {
    /// Sends several commands in one write and returns their replies in the same order.
    ///
    /// - Throws: As ``CommandRunner/run(_:by:)``; if one reply is missing, for all.
    func run(pipelined commands: [[UInt8]], by deadline: ContinuousClock.Instant) async throws -> [[UInt8]]
}

/// Adds a deadline and cancellation to a driver's own function that runs a command.
///
/// ```swift
/// let runner = RacingCommandRunner { try await connection.execute($0) } giveUp: { connection.close() }
/// ```
public struct RacingCommandRunner: CommandRunner {
    private let body: @Sendable ([UInt8]) async throws -> [UInt8]
    private let giveUp: @Sendable () -> Void

    /// Makes a runner.
    ///
    /// - Parameters:
    ///   - body: Sends a command and returns its reply, both as in ``CommandRunner/run(_:by:)``. It may take any time,
    ///     and need not react to cancellation.
    ///   - giveUp: Called once, at the deadline or the cancellation, if `body` has not returned: it should
    ///     close the connection.
    public init(
        _ body: @escaping @Sendable ([UInt8]) async throws -> [UInt8], giveUp: @escaping @Sendable () -> Void
    ) {
        self.body = body
        self.giveUp = giveUp
    }

    /// Sends a command and returns its reply, or gives up.
    ///
    /// - Throws: What the body throws; ``MongoAuthError/Code/deadlineExceeded``; `CancellationError`.
    public func run(_ command: [UInt8], by deadline: ContinuousClock.Instant) async throws -> [UInt8] {
        try Task.checkCancellation()
        guard deadline > .now else {
            throw MongoAuthError(.deadlineExceeded, "the deadline passed before the command was sent")
        }
        let reply = OneShot<[UInt8]>()
        let task = Task { [body] in
            do {
                reply.resolve(.success(try await body(command)))
            } catch {
                reply.resolve(.failure(error))
            }
        }
        return try await MongoAuthError.translating {
            try await reply.value(by: deadline, waitingFor: { "the server's reply" }) { [giveUp] in
                task.cancel()
                giveUp()
            }
        }
    }
}
