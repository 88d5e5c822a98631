import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// A process may return from `main` at any moment, whatever its threads do: no signal ends it.
@Suite(.serialized) struct ExitTests {
    /// How many times, all together; `EXITS` says otherwise.
    private static let count = ProcessInfo.processInfo.environment["EXITS"].flatMap { Int($0) } ?? 200

    /// What is there when it leaves.
    enum Surroundings: String, CaseIterable { case all, noCache, silentKDC }

    @Test(arguments: Surroundings.allCases)
    func returningFromMain(_ surroundings: Surroundings) async throws {
        let realm = try await SharedRealm.start(backend: .processes)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let program = try BuiltExecutable.url(named: "leaver")
        if surroundings == .silentKDC { try await realm.realm.pause() }
        let environment = realm.realm.environment()
        let keytab = realm.annKeytab
        let runs = Self.count / Surroundings.allCases.count
        let endings = try await withThrowingTaskGroup(of: Child.Result.self) { group in
            var endings: [Child.Result] = []
            for run in 0..<runs {
                if run >= 4, let ending = try await group.next() { endings.append(ending) }
                group.addTask {
                    let awaited = ["nothing", "one", "tickets"][run % 3]
                    let pause = Int.random(in: 0...(surroundings == .silentKDC ? 100_000 : 40_000))
                    return try await Child.run(
                        program, [uri, awaited, "\(pause)"] + (surroundings == .noCache ? [] : [keytab]),
                        environment: environment)
                }
            }
            for try await ending in group { endings.append(ending) }
            return endings
        }
        #expect(endings.count == runs)
        let bad = endings.filter { $0.status != 0 }
        #expect(bad.isEmpty, "\(bad.count) of \(runs): \(bad.first.map { "\($0)" } ?? "")")
        if surroundings == .silentKDC { try await realm.realm.resume() }
        try await server.stop()
        await realm.realm.stop()
    }
}
