import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Independent clients show that the server behaves as real ones do.
@Suite struct PeerTests {
    /// How a URI names the server.
    enum Place: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case name = "localhost"
        case ipv4 = "127.0.0.1"
        case ipv6 = "::1"

        var testDescription: String { rawValue }
        var inURI: String { self == .ipv6 ? "[::1]" : rawValue }
        /// Alone on its family, so that nothing else can have answered.
        var listen: [String] { self == .name ? ["127.0.0.1:0", "[::1]:0"] : ["\(inURI):0"] }
    }

    @Test("A user authenticates", arguments: Peer.allCases, Place.allCases)
    func success(peer: Peer, place: Place) async throws {
        try await withServer(place, users: ["ann@EXAMPLE.TEST=read@shop,clusterMonitor@admin"]) { shared, server in
            let (report, result) = try await peer.authenticate(
                uri: uri(place, server), environment: shared.realm.environment(cache: shared.annCache))
            let info = try #require(report.authInfo, "\(result)")
            #expect(info.authenticatedUsers == [.init(user: "ann@EXAMPLE.TEST", db: "$external")])
            #expect(
                info.authenticatedUserRoles == [
                    .init(role: "read", db: "shop"), .init(role: "clusterMonitor", db: "admin"),
                ])
        } log: { log in
            #expect(log.contains("authenticated ann@EXAMPLE.TEST"))
            #expect(!log.contains("refused"))
        }
    }

    @Test("A user authenticates over TLS", arguments: Peer.allCases, Place.allCases)
    func successOverTLS(peer: Peer, place: Place) async throws {
        let authority = try await TestAuthority.shared
        let arguments = [
            "--tls-certificate-key-file", authority.path("localhost.pem"), "--tls-ca-file", authority.path("ca.crt"),
            "--tls-client-certificates", "demand",
        ]
        try await withServer(place, users: ["ann@EXAMPLE.TEST"], arguments: arguments) { shared, server in
            let files = try [("tlsCAFile", "ca.crt"), ("tlsCertificateKeyFile", "client.pem")].map { option, name in
                let path = authority.path(name).addingPercentEncoding(withAllowedCharacters: .alphanumerics)
                return "&\(option)=\(try #require(path))"
            }
            let (report, result) = try await peer.authenticate(
                uri: uri(place, server) + "&tls=true" + files.joined(),
                environment: shared.realm.environment(cache: shared.annCache))
            #expect(report.authInfo?.authenticatedUsers.map(\.user) == ["ann@EXAMPLE.TEST"], "\(result)")
        } log: { log in
            #expect(log.contains("authenticated ann@EXAMPLE.TEST"))
            #expect(!log.contains("refused"))
        }
    }

    @Test("A direct connection authenticates too", arguments: Peer.allCases)
    func directConnection(peer: Peer) async throws {
        try await withServer(.name, users: ["ann@EXAMPLE.TEST"]) { shared, server in
            let (report, result) = try await peer.authenticate(
                uri: uri(.name, server) + "&directConnection=true",
                environment: shared.realm.environment(cache: shared.annCache))
            #expect(report.authInfo?.authenticatedUsers.map(\.user) == ["ann@EXAMPLE.TEST"], "\(result)")
        } log: { log in
            #expect(!log.contains("refused"))
        }
    }

    @Test("A user whom the server does not know is refused", arguments: Peer.allCases, Place.allCases)
    func unknownUser(peer: Peer, place: Place) async throws {
        try await withServer(place, users: ["bob@EXAMPLE.TEST"]) { shared, server in
            let (report, result) = try await peer.authenticate(
                uri: uri(place, server), environment: shared.realm.environment(cache: shared.annCache))
            #expect(report.authInfo == nil && result.stdout.contains("Authentication failed."), "\(result)")
            if peer == .pymongo { #expect(report.code == 18, "\(result)") }
        } log: { log in
            #expect(log.contains("refused ann@EXAMPLE.TEST: ann@EXAMPLE.TEST authenticated but is not a user"))
        }
    }

    @Test("A service whose key is not the KDC's refuses", arguments: Peer.allCases, [false, true])
    func wrongServiceKey(peer: Peer, sameVersion: Bool) async throws {
        let own = try await SharedRealm.start()
        try await own.realm.changeKey("mongodb/localhost", keepingVersion: sameVersion)
        let server = try await ServerProcess.start(
            realm: own.realm, keytab: own.serviceKeytab, users: ["ann@EXAMPLE.TEST"])
        let (report, result) = try await peer.authenticate(
            uri: uri(.name, server), environment: own.realm.environment(cache: own.annCache))
        #expect(report.authInfo == nil && result.stdout.contains("Authentication failed."), "\(result)")
        let log = try await server.stop().stderr
        #expect(log.contains("refused an unknown client: "), "\(log)")
        #expect(try await own.realm.events().last?.server == "mongodb/localhost@EXAMPLE.TEST")
        await own.realm.stop()
    }

    @Test("Many clients authenticate at once")
    func manyClients() async throws {
        try await withServer(.name, users: ["ann@EXAMPLE.TEST", "bob@EXAMPLE.TEST"]) { shared, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<12 {
                    let (user, cache) = number.isMultiple(of: 2) ? ("ann", shared.annCache) : ("bob", shared.bobCache)
                    let place = uri(.name, server, user: "\(user)%40EXAMPLE.TEST")
                    group.addTask {
                        let (report, result) = try await Peer.libmongoc.authenticate(
                            uri: place, environment: shared.realm.environment(cache: cache))
                        #expect(
                            report.authInfo?.authenticatedUsers.map(\.user) == ["\(user)@EXAMPLE.TEST"], "\(result)")
                    }
                }
                try await group.waitForAll()
            }
        } log: { log in
            #expect(log.split(separator: "\n").filter { $0.hasPrefix("authenticated ") }.count == 12)
        }
    }

    /// What `raw_conversation.py` prints.
    private struct Conversation: Decodable {
        var before: Int
        var offer: String
        var kinds: [String]
        var ids: [Int]
        var done: [Bool]
        var finalLength: Int
        var users: [Peer.Report.AuthInfo.User]
        var after: Int
        var overtime: Int
    }

    @Test("A conversation with binary payloads has the shape that real servers give it")
    func binaryConversation() async throws {
        try await withServer(.name, users: ["ann@EXAMPLE.TEST"]) { shared, server in
            let result = try await Peer.rawConversation(
                ["localhost", "\(server.port)", "ann@EXAMPLE.TEST"],
                environment: shared.realm.environment(cache: shared.annCache))
            let conversation = try JSONDecoder().decode(Conversation.self, from: Data(result.stdout.utf8))
            #expect(conversation.before == 13 && conversation.after == 59)
            // Layer "none" alone, and the size that goes with it.
            #expect(conversation.offer == "01000000")
            // PyMongo's `bytes` is BinData of subtype 0.
            #expect(conversation.kinds == ["bytes", "bytes", "bytes"])
            #expect(conversation.ids == [1, 1, 1])
            #expect(conversation.done == [false, false, true])
            #expect(conversation.finalLength == 0)
            #expect(conversation.users.map(\.user) == ["ann@EXAMPLE.TEST"])
            #expect(conversation.overtime == 17)
        } log: { log in
            #expect(log == "authenticated ann@EXAMPLE.TEST\n")
        }
    }

    @Test(
        "An identity that is not the full principal is refused",
        arguments: ["", "ann", "ANN@EXAMPLE.TEST", "bob@EXAMPLE.TEST"])
    func identities(identity: String) async throws {
        try await withServer(.name, users: ["ann@EXAMPLE.TEST", "bob@EXAMPLE.TEST", "ann"]) { shared, server in
            let result = try await Peer.rawConversation(
                ["localhost", "\(server.port)", identity],
                environment: shared.realm.environment(cache: shared.annCache))
            #expect(result.status == 1 && result.stderr.contains("'code': 18"), "\(result)")
        } log: { log in
            #expect(log.hasPrefix("refused an unknown client: ") && !log.contains("authenticated "), "\(log)")
        }
    }

    private func uri(_ place: Place, _ server: ServerProcess, user: String = "ann%40EXAMPLE.TEST") -> String {
        "mongodb://\(user)@\(place.inURI):\(server.port)/?authMechanism=GSSAPI"
            + "&authMechanismProperties=SERVICE_NAME:mongodb"
    }

    /// Runs a server in the shared realm as `mongodb/PLACE`, and shows its log afterwards.
    private func withServer(
        _ place: Place, users: [String], arguments: [String] = [],
        _ body: (SharedRealm, ServerProcess) async throws -> Void,
        log: (String) throws -> Void
    ) async throws {
        let shared = try await SharedRealm.shared
        let keytab =
            place == .name ? shared.serviceKeytab : try await AddressPrincipals.shared.keytab(for: place.rawValue)
        let server = try await ServerProcess.start(
            realm: shared.realm, keytab: keytab, users: users, listen: place.listen, serviceHost: place.rawValue,
            arguments: arguments)
        do {
            try await body(shared, server)
        } catch {
            _ = try? await server.stop()
            throw error
        }
        let result = try await server.stop()
        #expect(result.status == 0, "\(result)")
        try log(result.stderr)
    }
}

/// Service principals for addresses: a client that is given an address asks for a ticket for that very text.
private actor AddressPrincipals {
    static let shared = AddressPrincipals()
    private var keytabs: [String: Task<String, any Error>] = [:]

    func keytab(for address: String) async throws -> String {
        if let making = keytabs[address] { return try await making.value }
        let making = Task {
            let realm = try await SharedRealm.shared.realm
            try await realm.addPrincipal("mongodb/\(address)")
            return try await realm.makeKeytab(for: ["mongodb/\(address)"])
        }
        keytabs[address] = making
        return try await making.value
    }
}
