#if Kerberos
internal import BlockingWork

/// A runner that knows the replies to some commands already: they were sent before it was known that they would be wanted.
///
/// The conversation runs over it as over any other, so that nothing is taken from a reply earlier than it would be
/// without pipelining. A command that is not the one that was anticipated ends it.
struct AnticipatedReplies<Runner: CommandRunner>: CommandRunner {
    private let anticipated: Locked<[(command: [UInt8], reply: [UInt8])]>
    private let runner: Runner

    init(_ anticipated: sending [(command: [UInt8], reply: [UInt8])], then runner: Runner) {
        self.anticipated = Locked(anticipated)
        self.runner = runner
    }

    func run(_ command: [UInt8], by deadline: ContinuousClock.Instant) async throws -> [UInt8] {
        let reply = try anticipated.withLock { anticipated throws(MongoAuthError) -> [UInt8]? in
            guard let next = anticipated.first else { return nil }
            guard next.command == command else { throw pipeliningRefused("the server's token asks for another answer") }
            anticipated.removeFirst()
            // A reply that is an error is told by the plain way: it may be about the pipelining.
            guard (try? CommandReply(next.reply, to: "saslStart"))?.isOK == true else {
                throw pipeliningRefused("the server refused a command")
            }
            return next.reply
        }
        if let reply { return reply }
        return try await runner.run(command, by: deadline)
    }
}

/// The error that leads to the plain way.
func pipeliningRefused(_ why: String) -> MongoAuthError {
    MongoAuthError(.pipeliningRefused, "pipelined commands are not answered as single ones are: \(why)")
}
#endif
