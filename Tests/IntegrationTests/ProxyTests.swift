import Foundation
import TestSupport
import Testing

/// `proxyHost` and its companions, through a proxy that we did not write.
@Suite struct ProxyTests {
    private func uri(_ realm: SharedRealm, _ authority: String, _ options: String) -> String {
        gssapiURI(realm.ann, authority) + "&" + options
    }

    private func server(_ realm: SharedRealm, _ arguments: [String] = []) async throws -> ServerProcess {
        try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"], arguments: arguments)
    }

    /// By name, which the proxy looks up, and by address.
    @Test(arguments: Family.allCases, ["localhost", "127.0.0.1", "[::1]"])
    func theProxyConnects(_ family: Family, _ host: String) async throws {
        let realm = try await SharedRealm.shared
        let (server, proxy) = try await (server(realm), SOCKSProxy.start(family))
        // A name and an address both, so that nothing is connected to directly.
        let place = family == .ipv4 ? "127.0.0.1" : "%3A%3A1"
        let outcome = try await AuthCheck.check(
            uri(realm, "\(host):\(server.port)", "proxyHost=\(place)&proxyPort=\(proxy.port)"), in: realm,
            cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        let report = try #require(outcome.report.hosts.first)
        #expect(report.attempts.map(\.address) == [family.rawValue])
        let tcp = try #require(report.phases.first { $0.name == "tcp" }?.detail)
        #expect(tcp.contains("connected to \(host):\(server.port) through the SOCKS5 proxy"), "\(tcp)")
        #expect(report.warnings.isEmpty, "\(outcome)")
        try await proxy.stop()
        try await server.stop()
    }

    @Test func insideTLS() async throws {
        let realm = try await SharedRealm.shared
        let authority = try await TestAuthority.shared
        let server = try await server(
            realm,
            [
                "--tls-certificate-key-file", authority.path("localhost.pem"), "--tls-ca-file",
                authority.path("ca.crt"),
                "--tls-client-certificates", "none",
            ])
        let proxy = try await SOCKSProxy.start(user: ("ann", "s/k@p"))
        let options = "proxyHost=localhost&proxyPort=\(proxy.port)&proxyUsername=ann&proxyPassword=s%2Fk%40p"
        let outcome = try await AuthCheck.check(
            uri(realm, "localhost:\(server.port)", options) + (try await TLSURIOptions().uriSuffix), in: realm,
            cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.first?.phases.first { $0.name == "tls" }?.result == "ok", "\(outcome)")
        #expect(!outcome.child.stdout.contains("s/k@p"))
        try await proxy.stop()
        try await server.stop()
    }

    // MARK: - Failures

    @Test(arguments: [
        ("", "demands a user name and a password", "proxyUsername"),
        ("&proxyUsername=ann&proxyPassword=wrong", "does not accept the user name and the password", "proxyPassword"),
    ])
    func whoMayNotUseTheProxyIsTold(options: String, words: String, hint: String) async throws {
        let realm = try await SharedRealm.shared
        let proxy = try await SOCKSProxy.start(user: ("ann", "right"))
        let outcome = try await AuthCheck.check(
            uri(realm, "localhost:1", "proxyHost=127.0.0.1&proxyPort=\(proxy.port)\(options)"), in: realm,
            cache: realm.annCache)
        try expect(outcome, words, hint)
        #expect(!outcome.advice.contains("wrong"))
        try await proxy.stop()
    }

    @Test func theProxysOwnFailureIsTold() async throws {
        let realm = try await SharedRealm.shared
        let proxy = try await SOCKSProxy.start()
        let closed = try ClosedPort(.ipv4)
        let outcome = try await AuthCheck.check(
            uri(realm, "localhost:\(closed.number)", "proxyHost=127.0.0.1&proxyPort=\(proxy.port)"), in: realm,
            cache: realm.annCache)
        try expect(outcome, "did not connect to localhost:\(closed.number)", "instead of this machine")
        try await proxy.stop()
    }

    @Test func aProxyThatIsNotThereIsNotTheServer() async throws {
        let realm = try await SharedRealm.shared
        let closed = try ClosedPort(.ipv4)
        let outcome = try await AuthCheck.check(
            uri(realm, "localhost:1", "proxyHost=127.0.0.1&proxyPort=\(closed.number)"), in: realm,
            cache: realm.annCache)
        try expect(outcome, "the SOCKS5 proxy was not reached", "proxyHost and proxyPort")
    }

    @Test func somethingElseIsNoProxy() async throws {
        let realm = try await SharedRealm.shared
        let peer = try await TLSPeer.start(.reply(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)))
        let outcome = try await AuthCheck.check(
            uri(realm, "localhost:1", "proxyHost=127.0.0.1&proxyPort=\(peer.port)"), in: realm, cache: realm.annCache)
        try expect(outcome, "does not speak SOCKS version 5", "an HTTP proxy is not a SOCKS5 proxy")
    }

    @Test func aSilentProxyEndsAtTheDeadline() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start("never-speaks", in: realm)
        let outcome = try await AuthCheck.check(
            uri(realm, "localhost:1", "proxyHost=127.0.0.1&proxyPort=\(server.port)"), in: realm, cache: realm.annCache,
            timeout: "1s")
        #expect(outcome.status == 40 && outcome.failure?.phase == "tcp", "\(outcome)")
        #expect(outcome.failure?.message.contains("the SOCKS5 proxy 127.0.0.1:\(server.port)") == true, "\(outcome)")
        try await server.stop()
    }

    private func expect(_ outcome: CheckOutcome, _ words: String, _ hint: String) throws {
        #expect(outcome.status == 11, "\(outcome)")
        #expect(outcome.failure?.phase == "tcp")
        #expect(outcome.failure?.message.contains(words) == true, "\(outcome)")
        #expect(outcome.failure?.hint?.contains(hint) == true, "\(outcome)")
    }
}
