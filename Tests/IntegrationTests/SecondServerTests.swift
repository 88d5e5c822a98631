import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Servers that share no code with ours or with Cyrus: the SASL of the JDK, with a Kerberos of its own, and of GNU.
@Suite struct SecondServerTests {
    /// What the server offers at the end of GSSAPI.
    enum Offer: String, CaseIterable {
        case noLayer = "auth"
        case allLayers = "auth-conf,auth-int,auth"

        /// RFC 4752 has 0 where no layer is offered; the JDK's own default is 65536 all the same.
        var maximumBuffer: String { self == .noLayer ? "0" : "65536" }
    }

    private struct Authorization: Decodable, Equatable {
        var authenticationID: String
        var authorizationID: String
    }

    private func server(
        _ realm: SharedRealm, _ offer: Offer, maximumBuffer: String? = nil
    ) async throws -> ServerProcess {
        let package = "openjdk-17-jdk-headless"
        // A Java that only runs programs cannot start one from its source: ask for the compiler too.
        _ = try BuiltExecutable.system("javac", package: package)
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let source = folder.appendingPathComponent("Peers/SaslPeer.java")
        return try await ServerProcess(
            BuiltExecutable.system("java", package: package),
            [
                "-Djava.security.krb5.conf=\(realm.realm.configurationFile)", source.path, realm.serviceKeytab,
                "mongodb/localhost@\(realm.realm.name)", "localhost", offer.rawValue,
                maximumBuffer ?? offer.maximumBuffer,
            ], environment: realm.realm.environment())
    }

    @Test(arguments: Offer.allCases)
    func itTakesOurTokens(_ offer: Offer) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm, offer)
        try #require(server.addresses.map(\.host) == Family.allCases.map(\.rawValue))
        for (family, address) in zip(Family.allCases, server.addresses) {
            let uri = gssapiURI(realm.ann, family.authority(address.port))
            let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.report.hosts.map(\.identity?.user) == [realm.ann], "\(outcome)")
        }
        let ending = try await server.stop()
        // A line of JSON for each authorization; found by its form, however the lines are joined.
        let seen = try ending.stdout.matches(of: /\{"authenticationID"[^}]*\}/).map {
            try JSONDecoder().decode(Authorization.self, from: Data($0.output.utf8))
        }
        let ann = Authorization(authenticationID: realm.ann, authorizationID: realm.ann)
        #expect(seen == [ann, ann], "\(ending)")
    }

    /// The JDK names a size although it offers no layer, unless it is told not to. The report says so, and names the
    /// option that accepts it.
    @Test func itsDefaultSizeIsReported() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm, .noLayer, maximumBuffer: "65536")
        let port = try #require(server.addresses.first?.port)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 33, "\(outcome)")
        #expect(outcome.failure?.class == "security-layer")
        #expect(outcome.failure?.message.contains("65536") == true, "\(outcome)")
        #expect(outcome.failure?.hint?.contains("--tolerate size-without-layer") == true, "\(outcome)")
        let tolerant = try await AuthCheck.check(
            uri, ["--tolerate", "size-without-layer"], environment: realm.realm.environment(cache: realm.annCache))
        #expect(tolerant.status == 0, "\(tolerant)")
        try await server.stop()
    }

    /// GNU SASL offers no layer and names the largest size there is. PyMongo and libmongoc do not look at it.
    @Test func aServerOfGNU() async throws {
        let realm = try await SharedRealm.shared
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let python = try BuiltExecutable.system("python3", package: "python3")
        let server = try await ServerProcess(
            python, [folder.appendingPathComponent("Peers/gsasl-peer.py").path, "mongodb", "localhost"],
            environment: realm.realm.environment(keytab: realm.serviceKeytab))
        let environment = realm.realm.environment(cache: realm.annCache)
        for (family, address) in zip(Family.allCases, server.addresses) {
            let uri = gssapiURI(realm.ann, family.authority(address.port))
            let strict = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
            #expect(strict.status == 33, "\(strict)")
            #expect(strict.advice.contains("16777215") && strict.advice.contains("--tolerate"), "\(strict)")
            let tolerant = try await AuthCheck.check(
                uri, ["--tolerate", "size-without-layer"], environment: environment)
            #expect(tolerant.status == 0, "\(tolerant)")
            #expect(tolerant.report.hosts.map(\.identity?.user) == [realm.ann], "\(tolerant)")
        }
        // The name of ::1 is another one on many machines.
        let port = try #require(server.addresses.first?.port)
        let others = try await OtherDriver.ask(
            commonURI(realm.ann, Family.ipv4.authority(port)) + "&directConnection=true", environment: environment)
        #expect(others.connected(as: realm.ann) == [.pyMongo, .libmongoc], "\(others)")
        let ending = try await server.stop()
        #expect(ending.stdout.matches(of: /ann@/).count == 4, "\(ending)")
    }
}
