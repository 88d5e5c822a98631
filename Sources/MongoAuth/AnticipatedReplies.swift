#if Kerberos
internal import BlockingWork

/// A runner that already has the replies to some commands, which were sent in advance.
///
/// The conversation runs over it as over any other, so that no reply is used earlier than it would
/// be without pipelining. A command that was not anticipated ends it.
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
            // An error reply leads to the fallback without pipelining: it may be about the pipelining.
            guard (try? CommandReply(next.reply, to: "saslStart"))?.isOK == true else {
                throw pipeliningRefused("the server refused a command")
            }
            return next.reply
        }
        if let reply { return reply }
        return try await runner.run(command, by: deadline)
    }
}

/// The error that leads to the fallback without pipelining.
func pipeliningRefused(_ why: String) -> MongoAuthError {
    MongoAuthError(.pipeliningRefused, "pipelined commands are not answered as single ones are: \(why)")
}
#endif
