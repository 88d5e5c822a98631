import Foundation
import TestSupport

/// A driver that other people wrote, asked what it makes of a string where the claim is that it connects.
enum OtherDriver: String, CaseIterable {
    case pyMongo = "PyMongo"
    case libmongoc = "libmongoc"

    /// The program and what it is given, for those who run it somewhere else. A server that is not there costs PyMongo three
    /// seconds, and libmongoc looks for it once.
    func invocation(
        _ uri: String, command: String = "connectionStatus"
    ) async throws -> (program: URL, arguments: [String]) {
        switch self {
        case .pyMongo: (try Self.python, ["-c", Self.script, uri, command])
        case .libmongoc: (try await CDriver.program, [uri, command])
        }
    }

    /// The Python that has PyMongo.
    static var python: URL {
        get throws { try BuiltExecutable.system("python3", package: "python3") }
    }

    private static let script = """
        import pymongo, sys
        client = pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=3000)
        print(client.admin.command(sys.argv[2]))
        """

    /// What all of them make of a string.
    ///
    /// - Parameter command: Other servers than MongoDB's may have no connectionStatus.
    static func ask(
        _ uri: String, command: String = "connectionStatus", environment: [String: String] = [:]
    ) async throws -> Answers {
        try await ask(uri, command: command) { try await Child.run($0, $1, environment: environment) }
    }

    /// What all of them make of a string where they are run in another way.
    static func ask(
        _ uri: String, command: String = "connectionStatus",
        run: (_ program: URL, _ arguments: [String]) async throws -> Child.Result
    ) async throws -> Answers {
        var answers = Answers()
        for driver in allCases {
            let (program, arguments) = try await driver.invocation(uri, command: command)
            answers.results[driver] = try await run(program, arguments)
        }
        return answers
    }

    /// What came of it, for each driver.
    struct Answers: CustomStringConvertible {
        fileprivate(set) var results: [OtherDriver: Child.Result] = [:]

        /// Those that got an answer.
        var connected: Set<OtherDriver> { Set(results.filter { $0.value.status == 0 }.keys) }

        /// Those whose answer names a user.
        func connected(as user: String) -> Set<OtherDriver> {
            connected.filter { results[$0]?.stdout.contains(user) == true }
        }

        /// All that a driver printed.
        func words(_ driver: OtherDriver) -> String {
            results[driver].map { $0.stdout + $0.stderr } ?? ""
        }

        var description: String {
            OtherDriver.allCases.map { "\($0.rawValue): \(words($0))" }.joined(separator: "\n")
        }
    }
}

/// A connection string for GSSAPI that all of them understand: libmongoc has no SERVICE_HOST.
func commonURI(_ user: String, _ authority: String) -> String {
    gssapiURI(user, authority, properties: "CANONICALIZE_HOST_NAME:true")
}
