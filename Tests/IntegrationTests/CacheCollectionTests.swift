import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck` with collections of caches that hold the tickets of several users, of every type that libkrb5 has.
@Suite struct CacheCollectionTests {
    /// From a collection the user's cache is used, whichever is the primary one; a cache of it can be named too.
    @Test(arguments: CacheCollection.Kind.allCases, [false, true])
    func theUsersEntry(_ kind: CacheCollection.Kind, isDefault: Bool) async throws {
        let realm = try await SharedRealm.shared
        let collection = try await CacheCollection(kind, realm)
        for (user, password) in [("ann", realm.annPassword), ("bob", realm.bobPassword)] {
            let result = try await collection.run("kinit", [user], input: "\(password)\n")
            try #require(result.status == 0, "\(result)")
        }
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann, realm.bob], listen: ["127.0.0.1:0"])
        let authority = Family.ipv4.authority(server.port)

        var names: Set<String> = []
        for user in [realm.ann, realm.bob, "ann", "bob"] {
            let outcome = try await collection.check(
                gssapiURI(user, authority), cache: isDefault ? nil : collection.name)
            let principal = user.contains("@") ? user : "\(user)@\(realm.realm.name)"
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.report.hosts.first?.identity?.user == principal, "\(outcome)")
            let cache = try #require(outcome.report.kerberos?.cache, "\(outcome)")
            #expect(cache.type == kind.rawValue && cache.principal == principal, "\(outcome)")
            names.insert(cache.name)
            let named = try await collection.check(gssapiURI(user, authority), cache: cache.name)
            #expect(named.status == 0, "\(named)")
            #expect(named.report.hosts.first?.identity?.user == principal, "\(named)")
        }
        #expect(names.count == 2)

        // The service's tickets are back in the collection, each with its user's.
        let listing = try await collection.run("klist", ["-A"])
        #expect(listing.stdout.ranges(of: "mongodb/localhost@\(realm.realm.name)").count == 2, "\(listing)")
        let stranger = try await collection.check(
            gssapiURI("carol", authority), cache: isDefault ? nil : collection.name)
        #expect(stranger.status == 20, "\(stranger)")

        try await server.stop()
        try await collection.stop()
    }
}

/// A collection of caches, and what keeps it.
struct CacheCollection {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case folder = "DIR"
        case keeper = "KCM"
        case keyring = "KEYRING"

        var testDescription: String { rawValue }
    }

    /// Its name, for `KRB5CCNAME` and `--ccache`.
    let name: String
    private let environment: [String: String]
    private let elsewhere: [String: String]
    private let wrapper: [String]
    private let end: @Sendable () async throws -> Void

    init(_ kind: Kind, _ realm: SharedRealm) async throws {
        switch kind {
        case .folder:
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("caches-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            name = "DIR:\(folder.path)"
            elsewhere = realm.realm.environment()
            wrapper = []
            end = { try FileManager.default.removeItem(at: folder) }
        case .keeper:
            let keeper = try await HeimdalKCM.start()
            name = "KCM:"
            elsewhere = keeper.environment(realm.realm)
            wrapper = []
            end = { try await keeper.stop() }
        case .keyring:
            let keyring = try await SessionKeyring.start()
            name = "KEYRING:session:users"
            elsewhere = realm.realm.environment()
            wrapper = keyring.wrapper
            end = { try await keyring.stop() }
        }
        environment = elsewhere.merging(["KRB5CCNAME": name]) { $1 }
    }

    /// Runs one of MIT's programs with the collection as its default.
    func run(_ program: String, _ arguments: [String], input: String = "") async throws -> Child.Result {
        let words = wrapper + [try BuiltExecutable.system(program, package: "krb5-user").path] + arguments
        return try await Child.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: environment, standardInput: input)
    }

    /// Runs `authcheck` with the collection as its default, or with a cache that is named, and no default one then.
    func check(_ uri: String, cache: String?) async throws -> CheckOutcome {
        try await AuthCheck.check(
            uri, cache.map { ["--ccache", $0] } ?? [], environment: cache == nil ? environment : elsewhere,
            wrapper: wrapper)
    }

    /// Ends it with what keeps it.
    func stop() async throws {
        try await end()
    }
}
