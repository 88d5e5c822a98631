package import SaslConnectionString

/// All errors of a connection string.
///
/// In JSON it is the report of a check that could not begin, as in `check` for the first error, with the key `errors`.
package struct ExplainRefusal: Sendable, Hashable, Encodable {
    /// Something that is wrong.
    package struct Problem: Sendable, Hashable, Encodable {
        /// The kind, a stable name.
        package var code: String
        /// What is wrong.
        package var message: String
        /// The part of the string: `userinfo`, `host 2`, `options: authMechanism`.
        package var part: String
        /// The number of bytes before it.
        package var offset: Int
        /// What to write instead; `nil` where the message says it.
        @NullWhenAbsent package var advice: String?
    }

    /// All errors, in the order in which they were found; never empty.
    package var errors: [Problem]
    private let first: CheckReport

    /// Explains why a text is not a connection string.
    ///
    /// - Parameters:
    ///   - error: The error that parsing it threw.
    ///   - text: The string.
    ///   - given: The same, or empty if no part of it may be repeated.
    package init(_ error: ConnectionStringError, in text: String, given: String) {
        first = CheckReport(error, given: given)
        let all = MongoConnectionString.errors(in: text)
        errors = (all.isEmpty ? [error] : all).map { error in
            let steps = Diagnosis.steps(for: error, given)
            let advice = steps.map { step in step.command.map { "\(step.text): `\($0)`" } ?? step.text }
                .joined(separator: "; ")
            return Problem(
                code: "\(error.code)", message: error.message, part: error.part, offset: error.offset,
                advice: advice.isEmpty ? nil : advice)
        }
    }

    /// The exit status of the process.
    package var exitStatus: Int32 { first.exitStatus }

    /// Encodes the report of the first error, and all errors.
    package func encode(to encoder: any Encoder) throws {
        try first.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(errors, forKey: .errors)
    }

    private enum Key: CodingKey {
        case errors
    }
}

extension ExplainRefusal: Report {
    /// The report for a person: the first error, and what else is wrong.
    package func text(_ style: TextStyle) -> String {
        guard errors.count > 1 else { return first.text(style) }
        var page = TextPage(style)
        page.add(errors.count == 2 ? "One more error:" : "\(errors.count - 1) more errors:", tone: .strong)
        for problem in errors.dropFirst() {
            page.add("\(problem.message) (\(problem.part), byte \(problem.offset))", indent: 2)
            if let advice = problem.advice { page.add(advice, indent: 6) }
        }
        let lines = first.text(style).split(separator: "\n", omittingEmptySubsequences: false)
        let end = lines.lastIndex { !$0.isEmpty } ?? lines.startIndex
        return lines[...end].joined(separator: "\n") + "\n\n" + page.text
    }
}
