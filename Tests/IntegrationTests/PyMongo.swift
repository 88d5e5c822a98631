import TestSupport

/// What another driver makes of the same server, where the claim is that it connects.
enum PyMongo {
    /// Authenticates and asks who that was.
    static func connectionStatus(_ uri: String, environment: [String: String] = [:]) async throws -> Child.Result {
        try await run("connectionStatus", uri, environment)
    }

    static func ping(_ uri: String) async throws -> Child.Result { try await run("ping", uri, [:]) }

    private static func run(
        _ command: String, _ uri: String, _ environment: [String: String]
    ) async throws -> Child.Result {
        try await Child.run(
            BuiltExecutable.system("python3", package: "python3"),
            [
                "-c", "import pymongo, sys; print(pymongo.MongoClient(sys.argv[1]).admin.command(sys.argv[2]))", uri,
                command,
            ], environment: environment)
    }
}
