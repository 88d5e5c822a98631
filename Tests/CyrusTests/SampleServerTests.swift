import Foundation
import SASL
import SASLSCRAM
import TestSupport
import Testing

/// Our client, and Cyrus' server with its own database of users.
@Suite struct SampleServerTests {
    private struct Outcome {
        var isComplete: Bool
        var result: Child.Result
    }

    /// - Parameter sendsDataWithSuccess: Whether the server sends its last data with its success, in place of before it.
    private func authenticate(
        _ mechanism: some SaslMechanism, sendsDataWithSuccess: Bool = false
    ) async throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cyrus-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let database = folder.appendingPathComponent("users").path
        let added = try await Child.run(
            BuiltExecutable.system("saslpasswd2", package: "sasl2-bin"),
            ["-p", "-c", "-f", database, "-u", "example.test", "ann"], standardInput: "pencil")
        try #require(added.status == 0, "\(added)")
        try Data("auxprop_plugin: sasldb\nsasldb_path: \(database)\npwcheck_method: auxprop\n".utf8)
            .write(to: folder.appendingPathComponent("sample.conf"))

        var server = try SampleProgram(
            .server, ["-m", mechanism.name.rawValue, "-u", "example.test"] + (sendsDataWithSuccess ? ["-l"] : []),
            environment: ["SASL_CONF_PATH": folder.path])
        let offered = String(decoding: await server.receive() ?? [], as: UTF8.self)
        #expect(offered.split(separator: " ").contains { $0 == mechanism.name.rawValue })
        var session = try SaslSession(mechanism)
        guard case .respond(let first) = try session.step(nil) else {
            throw TestSupportError("the client has nothing to say")
        }
        try server.send(Array(mechanism.name.rawValue.utf8) + [0] + first)
        while !session.isComplete || mechanism.name == .plain, let challenge = await server.receive() {
            if mechanism.name == .plain {
                // The layer's message, which is none: it was let in.
                #expect(challenge == server.role.message)
                try server.send(server.role.peerMessage)
                break
            }
            switch try session.step(challenge) {
            case .respond(let response): try server.send(response)
            case .done where !sendsDataWithSuccess: try server.send([])
            case .done: break
            }
        }
        if session.isComplete, mechanism.name != .plain {
            try await server.exchangeMessages(through: try session.makeSecurityLayer())
        }
        let isComplete = session.isComplete
        return Outcome(isComplete: isComplete, result: try await server.end())
    }

    @Test(arguments: ScramMechanism.Hash.allCases, [false, true])
    func scram(hash: ScramMechanism.Hash, sendsDataWithSuccess: Bool) async throws {
        let outcome = try await authenticate(
            ScramMechanism(hash, username: "ann", password: Secret("pencil")),
            sendsDataWithSuccess: sendsDataWithSuccess)
        #expect(outcome.isComplete && outcome.result.status == 0, "\(outcome.result)")
        #expect(outcome.result.stdout.contains("Username: ann"), "\(outcome.result)")
    }

    @Test(arguments: ScramMechanism.Hash.allCases, [("ann", "pencil "), ("ann", "Pencil"), ("eve", "pencil")])
    func scramThatIsRefused(hash: ScramMechanism.Hash, user: (name: String, password: String)) async throws {
        let outcome = try await authenticate(
            ScramMechanism(hash, username: user.name, password: Secret(user.password)))
        #expect(!outcome.isComplete && outcome.result.status == 1, "\(outcome.result)")
        #expect(!outcome.result.stdout.contains("Username:"), "\(outcome.result)")
    }

    @Test(arguments: [("ann", "pencil", 0), ("ann", "Pencil", 1), ("eve", "pencil", 1)] as [(String, String, Int32)])
    func plain(username: String, password: String, status: Int32) async throws {
        let outcome = try await authenticate(PlainMechanism(username: username, password: Secret(password)))
        #expect(outcome.result.status == status, "\(outcome.result)")
    }
}
