/// What is wrong with a string. Either the first error ends the parsing, or all are noted.
final class Findings {
    /// More than that help nobody.
    static let limit = 100

    private let endsAtFirst: Bool
    private(set) var errors: [ConnectionStringError] = []

    init(endsAtFirst: Bool = true) {
        self.endsAtFirst = endsAtFirst
    }

    /// Notes an error, or throws it.
    func report(_ error: ConnectionStringError) throws(ConnectionStringError) {
        guard !endsAtFirst, errors.count < Self.limit - 1 else { throw error }
        errors.append(error)
    }

    /// Runs what does not depend on other parts of the string; `nil` where its error was noted.
    func attempt<Result>(
        _ body: () throws(ConnectionStringError) -> Result
    ) throws(ConnectionStringError) -> Result? {
        do {
            return try body()
        } catch {
            try report(error)
            return nil
        }
    }

    /// Notes the error that ended the parsing after all.
    func end(_ error: ConnectionStringError) {
        errors.append(error)
    }
}
