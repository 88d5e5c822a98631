/// The cause of a failure, and what to do about it.
package struct Diagnosis: Sendable, Hashable, Encodable {
    /// Who can fix it.
    package enum Culprit: String, Sendable, Hashable, CaseIterable, Codable {
        /// This machine: its configuration, clock, files or limits.
        case thisMachine = "this-machine"
        /// The user: a ticket, a password, a name.
        case user
        /// The KDC's administrator.
        case kdc
        /// The server's administrator.
        case server
        /// The network between this machine and the others: names, routes, firewalls, proxies.
        case network
        /// The author of the connection string or the arguments.
        case connectionString = "connection-string"
        /// Unknown.
        case unknown
    }

    /// One thing to do.
    package struct Step: Sendable, Hashable, Encodable {
        /// What to do, or what to look at, in a few words; a clause without the full stop.
        package var text: String
        /// A command that does it, ready to be pasted into a shell.
        @NullWhenAbsent package var command: String?
        /// Whether it makes or changes the service's principal, which is right only where its host is.
        var trustsHost = false

        private enum CodingKeys: CodingKey { case text, command }

        /// Creates a step.
        package init(_ text: String, command: String? = nil) {
            (self.text, self.command) = (text, command)
        }

        /// A step that makes or changes the service's principal.
        static func administer(_ text: String, service command: String) -> Self {
            var step = Self(text, command: command)
            step.trustsHost = true
            return step
        }
    }

    /// The stable name of its rule, for programs; `nil` without a rule.
    @NullWhenAbsent package var rule: String?
    /// The cause of the failure, in one sentence without the full stop.
    package var cause: String
    /// Who can fix it.
    package var culprit: Culprit
    /// What to do, the most promising first.
    package var steps: [Step]

    /// Creates a diagnosis.
    package init(rule: String? = nil, cause: String, culprit: Culprit, steps: [Step] = []) {
        (self.rule, self.cause, self.culprit, self.steps) = (rule, cause, culprit, steps)
    }

    /// All of it as one sentence.
    package var hint: String {
        let steps = steps.map { step in step.command.map { "\(step.text): `\($0)`" } ?? step.text }
        return ([cause] + steps).joined(separator: "; ")
    }
}
