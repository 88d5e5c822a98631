import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Credentials that only GSS-API has: gssproxy keeps the key, and libkrb5 finds neither a key nor a ticket.
@Suite struct GSSProxyTests {
    /// After the first authentication the interposer leaves a cache in which libkrb5 finds no ticket.
    @Test func authenticatesAgainAndAgain() async throws {
        let realm = try await SharedRealm.shared
        let proxy = try await GSSProxy.start(in: realm.realm, keytab: realm.annKeytab, principal: realm.ann)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let cache = "FILE:\(realm.realm.folder)/gssproxy-\(UUID().uuidString)"
        let group = Crowd.Group(uri: gssapiURI(realm.ann, Family.ipv4.authority(server.port)), count: 5)
        let (outcome, _) = try await Crowd(steps: [
            // The cache is looked at again once the last look is a second old.
            .init(groups: [group]), .init(groups: [group], afterSeconds: 1.1),
            .init(groups: [group], afterSeconds: 1.1),
        ]).run(in: realm, cache: cache, environment: proxy.environment)
        #expect(outcome.all.count == 15)
        #expect(outcome.all.allSatisfy { $0.user == realm.ann }, "\(outcome.all.compactMap(\.message))")
        // Another process begins with what the first one has left, and is told so by name.
        #expect(try await realm.klist(cache).contains("X-GSSPROXY:"))
        for argument in [[], ["--ccache", cache]] {
            let check = try await AuthCheck.check(
                group.uri, argument,
                environment: realm.realm.environment(cache: cache).merging(proxy.environment) { $1 })
            #expect(check.status == 0, "\(check)")
            #expect(check.report.hosts.first?.identity?.user == realm.ann)
        }
        let others = try await OtherDriver.ask(
            commonURI(realm.ann, Family.ipv4.authority(server.port)),
            environment: realm.realm.environment(cache: cache).merging(proxy.environment) { $1 })
        #expect(others.connected(as: realm.ann) == [.pyMongo, .libmongoc], "\(others)")
        // Without the proxy there is nothing.
        let without = try await AuthCheck.check(group.uri, environment: realm.realm.environment(cache: cache))
        #expect(without.status == 20, "\(without)")
        try await server.stop()
        try await proxy.stop()
    }
}
