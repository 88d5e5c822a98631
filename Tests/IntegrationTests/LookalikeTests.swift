import Foundation
import TestSupport
import Testing

/// Servers with MongoDB's protocol that are not MongoDB, scripted by their public documentation (`Peers/lookalike.py`),
/// with the connection strings of their documentation, compared with PyMongo and libmongoc.
@Suite struct LookalikeTests {
    struct Server: Sendable, CustomTestStringConvertible {
        var kind: String
        var options: String
        /// The authenticated user, as the server reports it; `nil` if it does not.
        var identity: String?
        var warnings: [String] = []
        var connected: Set<OtherDriver> = [.pyMongo, .libmongoc]
        var testDescription: String { kind }
    }

    private static let servers: [Server] = [
        .init(
            kind: "documentdb",
            options: "replicaSet=rs0&readPreference=secondaryPreferred&retryWrites=false", identity: "ann"),
        .init(
            kind: "cosmosdb",
            options: "replicaSet=globaldb&retrywrites=false&maxIdleTimeMS=120000&appName=@ann@",
            warnings: [
                "does not report the authenticated user: the server does not know connectionStatus",
                "wire versions 0 to 8",
            ], connected: [.libmongoc]),
        .init(kind: "ferretdb", options: "", identity: "ann"),
        .init(kind: "atlas", options: "retryWrites=true&w=majority", identity: "ann"),
        // It tells of no mechanisms for the user, where the specification has SCRAM-SHA-1.
        .init(kind: "empty-mechanisms", options: "", identity: "ann"),
    ]

    private static func start(_ kind: String) async throws -> ServerProcess {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return try await ServerProcess(
            BuiltExecutable.system("python3", package: "python3"),
            [folder.appendingPathComponent("Peers/lookalike.py").path, kind, "ann", "secret"], environment: [:])
    }

    @Test(arguments: servers)
    func theirOwnStringsConnect(_ server: Server) async throws {
        let process = try await Self.start(server.kind)
        func uri(_ password: String) -> String {
            "mongodb://ann:\(password)@127.0.0.1:\(process.port)/?\(server.options)"
        }
        let outcome = try await AuthCheck.check(uri("secret"), environment: [:])
        #expect(outcome.status == 0, "\(outcome)")
        let host = try #require(outcome.report.hosts.first)
        #expect(host.identity?.user == server.identity, "\(outcome)")
        for warning in server.warnings { #expect(host.warnings.contains { $0.contains(warning) }, "\(outcome)") }
        #expect(!host.warnings.contains { $0.contains("replicaSet") }, "\(outcome)")
        let others = try await OtherDriver.ask(uri("secret"), command: "ping")
        #expect(others.connected == server.connected, "\(others)")
        if !server.connected.contains(.pyMongo) {
            #expect(others.words(.pyMongo).contains("wire version 8"), "\(others)")
        }

        let wrong = try await AuthCheck.check(uri("wrong"), environment: [:])
        #expect(wrong.status == 30, "\(wrong)")
        try await process.stop()
    }

    /// The mechanism is named in the string, and the server does not have it.
    @Test(arguments: [("documentdb", "SCRAM-SHA-256"), ("ferretdb", "SCRAM-SHA-1"), ("ferretdb", "PLAIN")])
    func anotherMechanismIsUnavailable(kind: String, mechanism: String) async throws {
        let process = try await Self.start(kind)
        let outcome = try await AuthCheck.check(
            "mongodb://ann:secret@127.0.0.1:\(process.port)/?authMechanism=\(mechanism)", environment: [:])
        #expect(outcome.status == 31, "\(outcome)")
        #expect(outcome.advice.contains("Unsupported mechanism"), "\(outcome)")
        try await process.stop()
    }
}
