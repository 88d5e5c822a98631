import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// An independent client.
enum Peer: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case pymongo = "PyMongo"
    case libmongoc = "libmongoc"

    var testDescription: String { rawValue }

    /// What a peer printed, as far as these tests look at it.
    struct Report: Decodable, Sendable {
        struct AuthInfo: Decodable, Sendable {
            struct User: Decodable, Sendable, Hashable {
                var user: String
                var db: String
            }
            struct Role: Decodable, Sendable, Hashable {
                var role: String
                var db: String
            }
            var authenticatedUsers: [User]
            var authenticatedUserRoles: [Role]
        }
        var authInfo: AuthInfo?
        var code: Int?
    }

    /// Authenticates, and returns the peer's report with all its output.
    func authenticate(uri: String, environment: [String: String]) async throws -> (report: Report, result: Child.Result)
    {
        let result =
            switch self {
            case .pymongo:
                try await Child.run(
                    BuiltExecutable.system("python3", package: "python3"),
                    [Self.folder.appendingPathComponent("pymongo_peer.py").path, uri], environment: environment)
            case .libmongoc:
                try await Child.run(CDriver.program, [uri], environment: environment)
            }
        guard result.status == 0 || result.status == 1,
            let line = result.stdout.split(separator: "\n").last,
            let report = try? JSONDecoder().decode(Report.self, from: Data(line.utf8))
        else { throw TestSupportError("\(rawValue) did not report: \(result)") }
        return (report, result)
    }

    /// Speaks the conversation command by command, with Python's GSS binding.
    static func rawConversation(_ arguments: [String], environment: [String: String]) async throws -> Child.Result {
        let result = try await Child.run(
            BuiltExecutable.system("python3", package: "python3"),
            [folder.appendingPathComponent("raw_conversation.py").path] + arguments, environment: environment)
        guard result.status != 77 else { throw TestSupportError(result.stderr) }
        return result
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Peers")
}
