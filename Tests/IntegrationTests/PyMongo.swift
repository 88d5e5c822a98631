import Foundation
import TestSupport

/// Another driver with the same server, for the claim that it connects.
enum PyMongo {
    /// Authenticates and asks who that was.
    static func connectionStatus(_ uri: String, environment: [String: String] = [:]) async throws -> Child.Result {
        try await run("connectionStatus", uri, environment)
    }

    static func ping(_ uri: String) async throws -> Child.Result { try await run("ping", uri, [:]) }

    /// The program and what it is given, for those who run it somewhere else. A server that is not there costs it three
    /// seconds.
    static func invocation(_ command: String, _ uri: String) throws -> (program: URL, arguments: [String]) {
        let script = """
            import pymongo, sys
            client = pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=3000)
            print(client.admin.command(sys.argv[2]))
            """
        return (try BuiltExecutable.system("python3", package: "python3"), ["-c", script, uri, command])
    }

    private static func run(
        _ command: String, _ uri: String, _ environment: [String: String]
    ) async throws -> Child.Result {
        let (program, arguments) = try invocation(command, uri)
        return try await Child.run(program, arguments, environment: environment)
    }
}
