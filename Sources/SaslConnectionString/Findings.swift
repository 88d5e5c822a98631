/// The errors of a string. Either the first one ends the parsing, or all are collected.
final class Findings {
    /// More than that are not useful.
    static let limit = 100

    private let endsAtFirst: Bool
    private(set) var errors: [ConnectionStringError] = []

    init(endsAtFirst: Bool = true) {
        self.endsAtFirst = endsAtFirst
    }

    /// Records an error, or throws it.
    func report(_ error: ConnectionStringError) throws(ConnectionStringError) {
        guard !endsAtFirst, errors.count < Self.limit - 1 else { throw error }
        errors.append(error)
    }

    /// Runs a step that does not depend on other parts of the string; `nil` if its error was recorded.
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

    /// Records the error that ended the parsing after all.
    func end(_ error: ConnectionStringError) {
        errors.append(error)
    }
}
