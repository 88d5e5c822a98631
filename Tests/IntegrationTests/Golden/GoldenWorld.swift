import Foundation
import KerberosTestKit
import TestSupport

/// Everything that the golden outputs need, made once: a network of its own in which every host has a name, an address
/// and the port that it would have, so that texts and their line breaks are the same in every run.
///
/// Programs inside see the client's files at `/mnt`.
struct GoldenWorld: Sendable {
    static let domain = "example.test"
    /// How long the tickets of `krb5cc` last: the words for it are equally long for three quarters of an hour.
    private static let lifetime = Duration.seconds(10 * 3600 - 10)

    let world: NetworkWorld
    let realm: KerberosRealm
    private let parts: [ServerProcess]

    private static let started = Task { try await start() }

    /// Shared by all cases, which change nothing in it.
    static var shared: GoldenWorld {
        get async throws { try await started.value }
    }

    /// The file behind a path that programs inside see.
    private static func path(_ realm: KerberosRealm, _ name: String) -> String { "\(realm.folder)/client/\(name)" }

    private static func start() async throws -> GoldenWorld {
        let realm = try await KerberosRealm.start(.init(realm: GoldenNames.realm))
        let folder = path(realm, "")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let world = try await NetworkWorld.start(
            .init(
                hosts: GoldenNames.hostsFile, zone: GoldenNames.zone,
                resolver: ["search search.test", "options timeout:20 attempts:1 edns0"],
                deadEnds: [.init(host: GoldenNames.deadEnd, port: 27017)], folder: folder))
        var setup = GoldenSetup(realm: realm, world: world, folder: folder)
        try await setup.run(lifetime: lifetime)
        // Programs keep new tickets in their caches: every run begins with those of before.
        let remounted = try await world.run(
            BuiltExecutable.system("mount", package: "mount"), ["-o", "remount,ro,bind", NetworkWorld.shownFolder])
        guard remounted.status == 0 else { throw TestSupportError("\(remounted)") }
        return GoldenWorld(world: world, realm: realm, parts: setup.parts)
    }

    /// Runs a program inside.
    func run(
        _ words: [String], variables: [String: String], input: String = ""
    ) async throws -> Child.Result {
        let defaults = [
            "KRB5_CONFIG": "/mnt/krb5.conf", "GSS_MECH_CONFIG": "/mnt/gss-mechanisms", "TMPDIR": "/mnt",
            "LC_ALL": "C.UTF-8", "TERM": "xterm", "HOME": "/nonexistent",
        ]
        return try await world.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: defaults.merging(variables) { $1 },
            standardInput: input)
    }
}

/// Names and addresses of the world.
enum GoldenNames {
    static let realm = "EXAMPLE.TEST"
    static let kdc = "127.0.0.2"
    /// Its clock is more than a day behind.
    static let oldKDC = "127.0.0.3"
    static let server = "127.0.0.10"
    static let rekeyed = "127.0.0.11"
    static let skewed = "127.0.0.12"
    static let stale = "127.0.0.13"
    static let encrypted = "127.0.0.14"
    static let deadEnd = "127.0.0.15"
    static let closed = "127.0.0.16"

    /// What `Peers/golden.py` plays.
    static let peers = [
        "http", "hangs-up", "silent", "timeless", "starting", "closed-hello", "untold", "ldap", "no-scram", "no-user",
        "no-hash", "no-mechanism", "scram", "scram-costly", "scram-cheap", "scram-garbled", "other-8000", "atlas",
        "atlas-stranger", "tls-alert", "tls-server", "tls-expired", "tls-future", "tls-self-signed", "tls-client-only",
        "tls-key-usage", "tls-demanding", "tls-hangs-up", "tls-namesake", "tls-old", "proxy", "proxy-with-users",
        "tls-self-signed-leaf",
    ]
    /// Errors of a KDC, by their numbers in RFC 4120; and KDCs that answer by datagrams only, or not at all.
    static let kdcErrors =
        [2, 7, 8, 9, 11, 12, 13, 14, 19, 20, 21, 22, 25, 26, 28, 29, 31, 34, 36, 37, 39, 44, 52, 60, 62, 68, 93, 127]
        .map { "\($0)" } + ["udp", "silent"]
    /// Servers of `scripted-acceptor`, by what they do.
    static let acceptors = [
        "behind-load-balancer", "demands-api-version", "arbiter", "strange-members", "close-at-first-continue",
        "silence-at-sasl-start", "conversation-id-wrong-at-first-continue",
        "size-without-layer", "layers-6", "error-at-connection-status", "mechanism-unavailable", "error-of-clocks",
        "error-of-key-version", "tampered-token", "done-at-once", "truncated-token", "empty-token",
        "other-user-name", "old-wire-versions", "none",
    ]

    static func address(ofPeer name: String) -> String { "127.0.1.\((peers.firstIndex(of: name) ?? 0) + 1)" }
    static func address(ofKDC error: String) -> String { "127.0.2.\((kdcErrors.firstIndex(of: error) ?? 0) + 1)" }
    static func address(ofAcceptor name: String) -> String { "127.0.3.\((acceptors.firstIndex(of: name) ?? 0) + 1)" }

    static func host(_ name: String) -> String { "\(name).\(GoldenWorld.domain)" }

    /// Hosts of which the KDC knows `mongodb/HOST`.
    static var services: [String] {
        (["db", "rekeyed", "skewed", "stale", "closed", "dead"] + peers + acceptors).map(host) + ["db.test"]
    }

    static let hostsFile = ["127.0.0.10 db"]

    static let zone: NameZone = {
        var records: [NameZone.Record] = [
            .address(host("kdc"), kdc), .address(host("old-kdc"), oldKDC), .address(host("db"), server),
            .address(host("rekeyed"), rekeyed), .address(host("skewed"), skewed), .address(host("stale"), stale),
            .address("db.test", encrypted), .address(host("unlisted"), server), .address(host("dead"), deadEnd),
            .address(host("closed"), closed),
            .address(host("far"), "192.0.2.1"), .text(host("empty"), "a name without addresses"),
            .alias(host("alias"), of: host("db")), .alias(host("foreign-alias"), of: "mongo.elsewhere.test"),
            .address("mongo.elsewhere.test", server),
            .address("cluster0.example.mongodb.net", address(ofPeer: "atlas")),
            .address("shard.example.mongodb.net", address(ofPeer: "atlas-stranger")),
        ]
        records += peers.map { .address(host($0), address(ofPeer: $0)) }
        records += kdcErrors.map { .address(host("kdc-\($0)"), address(ofKDC: $0)) }
        records += acceptors.map { .address(host($0), address(ofAcceptor: $0)) }
        records += [
            .server(of: host("cluster"), host("db")), .text(host("cluster"), "authSource=$external"),
            .server(of: host("unlisted-cluster"), host("unlisted")),
            .server(of: host("two"), host("db")), .server(of: host("two"), host("closed")),
            .text(host("no-records"), "authSource=$external"),
            .server(of: host("outside"), "mongo.elsewhere.test"),
            .server(of: host("set"), host("db")), .text(host("set"), "replicaSet=rs0"),
            .server(of: host("bad-text"), host("db")), .text(host("bad-text"), "tls=false"),
            .server(of: host("portless"), host("db"), port: 0),
            .server(of: "short.search.test", "db.search.test"),
        ]
        return NameZone(
            records,
            faults: [
                host("failing"): .serverFailure, host("mute"): .silence,
                "_mongodb._tcp.\(host("failing-records"))": .serverFailure,
                "_mongodb._tcp.\(host("mute-records"))": .silence,
            ])
    }()
}
