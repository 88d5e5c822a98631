/// What a failure comes from, and what to do about it.
public struct Diagnosis: Sendable, Hashable, Encodable {
    /// Who can mend it.
    public enum Culprit: String, Sendable, Hashable, CaseIterable, Codable {
        /// This machine: its configuration, clock, files or limits.
        case thisMachine = "this-machine"
        /// The user: a ticket, a password, a name.
        case user
        /// Whoever administers the KDC.
        case kdc
        /// Whoever administers the server.
        case server
        /// Whatever is between this machine and the others: names, routes, firewalls, proxies.
        case network
        /// Whoever wrote the connection string or the arguments.
        case connectionString = "connection-string"
        /// Nobody can tell.
        case unknown
    }

    /// One thing to do.
    public struct Step: Sendable, Hashable, Encodable {
        /// What to do, or what to look at, in a few words; a clause without its full stop.
        public var text: String
        /// A command that does it, ready to be pasted into a shell.
        @NullWhenAbsent public var command: String?

        /// Creates a step.
        public init(_ text: String, command: String? = nil) {
            (self.text, self.command) = (text, command)
        }
    }

    /// The stable name of the rule that it was made by, for programs; `nil` where it was made by none.
    @NullWhenAbsent public var rule: String?
    /// What the failure comes from, in one sentence without its full stop.
    public var cause: String
    /// Who can mend it.
    public var culprit: Culprit
    /// What to do, the most promising first.
    public var steps: [Step]

    /// Creates a diagnosis.
    public init(rule: String? = nil, cause: String, culprit: Culprit, steps: [Step] = []) {
        (self.rule, self.cause, self.culprit, self.steps) = (rule, cause, culprit, steps)
    }

    /// All of it as one sentence.
    public var hint: String {
        let steps = steps.map { step in step.command.map { "\(step.text): `\($0)`" } ?? step.text }
        return ([cause] + steps).joined(separator: "; ")
    }
}
