import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// A failure to be really produced, and the expected report of `authcheck`.
struct KerberosErrorRow: Sendable, CustomTestStringConvertible {
    /// The child's environment.
    struct Situation: Sendable {
        var user: String
        var environment: [String: String]
        var properties = "SERVICE_HOST:localhost"
        /// Further options of `authcheck`.
        var options: [String] = []
        /// What the hint must name, beside the words of the row: the user's own names.
        var names: [String] = []
        /// Whether the child may read only what its files' modes allow, whoever runs the tests.
        var obeysFileModes = false
    }

    var name: String
    var status: Int32
    var failureClass: String
    var symbolicName: String
    var hint: [String]
    var prepare: @Sendable (SharedRealm) async throws -> Situation

    var testDescription: String { name }

    init(
        _ name: String, _ status: Int32, _ failureClass: String, _ symbolicName: String, hint: [String] = [],
        prepare: @escaping @Sendable (SharedRealm) async throws -> Situation
    ) {
        self.name = name
        self.status = status
        self.failureClass = failureClass
        self.symbolicName = symbolicName
        self.hint = hint
        self.prepare = prepare
    }
}

extension SharedRealm {
    /// A file in the realm's folder that was not there before.
    func newFile(_ purpose: String, _ contents: String = "") throws -> String {
        let path = "\(realm.folder)/\(purpose)-\(UUID().uuidString)"
        try Data(contents.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// The name of a cache that is not there.
    func absentCache() -> String { "FILE:\(realm.folder)/ccache-\(UUID().uuidString)" }

    /// A cache of `ann` with nothing but a ticket-granting ticket, so that the KDC has to be asked.
    func freshCache() async throws -> String { try await realm.makeCache("ann", password: annPassword) }

    /// The environment of a client of `ann` with another `krb5.conf`.
    func environment(configuration: String) async throws -> [String: String] {
        realm.environment(cache: try await freshCache()).merging(["KRB5_CONFIG": configuration]) { $1 }
    }

    /// The realm's `krb5.conf` with its text changed.
    func changedConfiguration(_ change: (String) -> String) throws -> String {
        let text = try String(contentsOfFile: realm.configurationFile, encoding: .utf8)
        return try newFile("krb5.conf", change(text))
    }

    /// A user of one test alone, and a keytab with the user's keys as they are now.
    func newUser(_ name: String, options: [String] = []) async throws -> (principal: String, keytab: String) {
        let unique = "\(name)-\(UUID().uuidString.prefix(8).lowercased())"
        try await realm.addPrincipal(unique, options: options)
        return ("\(unique)@\(realm.name)", try await realm.makeKeytab(for: [unique]))
    }
}

extension AuthCheck {
    /// Runs a program without the right of the superuser to read everything.
    static func obeyingFileModes() throws -> [String] {
        guard getuid() == 0 else { return [] }
        let without = "-dac_override,-dac_read_search"
        return [
            try BuiltExecutable.system("setpriv", package: "util-linux").path, "--bounding-set=\(without)",
            "--inh-caps=\(without)", "--",
        ]
    }
}
