import ArgumentParser
import Foundation
import MongoTestServer
import SecretMemory

/// The file of `--users-file`: passwords do not belong in the arguments.
enum UsersFile {
    private struct Entry: Decodable {
        struct Role: Decodable {
            var role: String
            var db: String
        }
        var user: String
        var db: String?
        var password: String?
        var mechanisms: Set<String>?
        var roles: [Role]?
    }

    static func read(_ path: String) throws -> [MongoTestServer.User] {
        let entries: [Entry]
        do {
            entries = try JSONDecoder().decode([Entry].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw ValidationError("--users-file \(path) cannot be used: \(error.localizedDescription)")
        }
        return entries.map { entry in
            MongoTestServer.User(
                entry.user, on: entry.db ?? "$external", password: entry.password.map { Secret($0) },
                mechanisms: entry.mechanisms,
                roles: (entry.roles ?? []).map { MongoTestServer.Role($0.role, on: $0.db) })
        }
    }
}
