public import SaslBSON

/// Something that runs MongoDB commands one at a time: a connection, or the inside of a driver.
///
/// It is all that authentication needs of a transport.
public protocol CommandRunner: Sendable {
    /// Sends a command and returns its reply.
    ///
    /// A reply that says the command failed (`ok: 0`) is returned, not thrown; see `CommandReply`.
    /// - Parameters:
    ///   - command: The whole command; its first key is its name, and it has the key `$db`.
    ///   - deadline: When to give up. It covers everything from sending to the last byte of the reply.
    /// - Returns: The reply's body.
    /// - Throws: For trouble with the transport only: not sent, no or no valid reply, the deadline has passed. If the
    ///   task is cancelled the call ends at once, by throwing. After a throw it is unknown whether the server has
    ///   run the command, and the connection must not be used for another one.
    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument
}
