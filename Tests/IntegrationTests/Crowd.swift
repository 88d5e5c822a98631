import Foundation
import KerberosTestKit
import TestSupport

/// Many authentications in one process: what the program `crowd` reads and prints.
struct Crowd: Encodable {
    /// So many authentications of one identity, all at the same time.
    struct Group: Encodable {
        var uri: String
        var count = 1
        var username: String?
        var cache: String?
        var keytab: String?
        var password: String?
        /// Whether all share a credential of GSS-API's own, of the cache.
        var isExisting: Bool?
        /// How long each may take. Generous if nothing should time out: the machine may be busy.
        var seconds = 100.0
    }

    /// Groups that go at the same time.
    struct Step: Encodable {
        var groups: [Group]
        /// A process that is resumed before it begins.
        var resume: Int32?
        /// Files that take another's place before it begins.
        var replace: [String: String]?
        /// For how long it is repeated, one after another.
        var forSeconds: Double?
        /// How long after the step before it begins.
        var afterSeconds: Double?
    }

    /// How one authentication went.
    struct Fare: Decodable {
        var user: String?
        var code: String?
        var message: String?
        var milliseconds: Double
        /// How many milliseconds after its deadline it ended.
        var late: Double
        /// Why it began once more, each time.
        var retries: [String]
    }

    struct Outcome: Decodable {
        var steps: [[[Fare]]]
        /// For each step, by how many milliseconds a plain timer was late: that is the machine's doing.
        var lateness: [Double]
        var workers: [String]
        var threads: Int
        var peakThreads: Int

        var all: [Fare] { steps.flatMap { $0 }.flatMap { $0 } }
    }

    var steps: [Step]
    /// Whether the process is to fail whenever it writes to a file, even the superuser's.
    var cannotWrite = false
    /// Whether connections take two round trips.
    var pipelined = false

    /// Runs them in a realm whose default cache does not exist.
    ///
    /// - Parameter wrapper: A program and its arguments that run `crowd` in their own way.
    func run(
        in realm: SharedRealm, cache: String? = nil, environment: [String: String] = [:], wrapper: [String] = []
    ) async throws -> (outcome: Outcome, child: Child.Result) {
        let input = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        let words = wrapper + [try BuiltExecutable.url(named: "crowd").path]
        let result = try await Child.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()),
            environment: realm.realm.environment(cache: cache).merging(environment) { $1 }, standardInput: input,
            timeout: .seconds(300))
        guard result.status == 0 else { throw TestSupportError("crowd failed: \(result)") }
        return (try JSONDecoder().decode(Outcome.self, from: Data(result.stdout.utf8)), result)
    }
}

extension SharedRealm {
    /// The tickets for services that its KDC has issued, by the service's principal.
    func ticketsIssued(for service: String = "mongodb/localhost") async throws -> Int {
        try await realm.events().count {
            $0.kind == .ticketGranting && $0.issued && $0.server == "\(service)@\(realm.name)"
        }
    }

    /// The requests for a first ticket that its KDC has granted to a user.
    func loginsGranted(to user: String) async throws -> Int {
        try await realm.events().count { $0.kind == .authentication && $0.issued && $0.client == user }
    }

    /// What `klist` says of a cache.
    func klist(_ cache: String) async throws -> String {
        try await Child.run(
            BuiltExecutable.system("klist", package: "krb5-user"), ["-c", cache], environment: realm.environment()
        ).stdout
    }
}
