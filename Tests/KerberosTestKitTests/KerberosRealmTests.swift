import Foundation
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

@Suite struct KerberosRealmTests {
    @Test("A ticket is issued over each address and protocol", arguments: ["127.0.0.1", "::1"], ["TCP", "UDP"])
    func answersOn(address: String, transport: String) async throws {
        try await KerberosRealm.withRealm { realm in
            #expect(realm.addresses == ["127.0.0.1", "::1"])
            try await realm.addPrincipal("ann", password: "secret")
            let kept = address.contains(":") ? "[\(address)]:\(realm.port)" : "\(address):\(realm.port)"
            let other = realm.addresses.first { $0 != address } ?? ""
            let dropped = other.contains(":") ? "[\(other)]:\(realm.port)" : "\(other):\(realm.port)"
            let text = try String(contentsOfFile: realm.configurationFile, encoding: .utf8)
            let limit = transport == "UDP" ? "udp_preference_limit = 1400" : "udp_preference_limit = 1"
            let narrowed = text.replacingOccurrences(of: "kdc = \(dropped)\n", with: "\n")
                .replacingOccurrences(of: "udp_preference_limit = 1\n", with: "\(limit)\n")
            #expect(narrowed.contains(kept) && narrowed.contains(limit))
            #expect(!narrowed.contains(dropped))
            let file = "\(realm.folder)/narrowed.conf"
            try narrowed.write(toFile: file, atomically: true, encoding: .utf8)

            let kinit = try BuiltExecutable.system("kinit", package: "krb5-user")
            var environment = realm.environment()
            environment["KRB5_CONFIG"] = file
            environment["KRB5_TRACE"] = "/dev/stdout"
            let outcome = try await Child.run(
                kinit, ["ann@EXAMPLE.TEST"], environment: environment, standardInput: "secret\n")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.stdout.contains(transport == "UDP" ? "dgram" : "stream"), "\(outcome)")
            let event = try #require(try await realm.events().last)
            #expect(event.issued && event.address == address && event.client == "ann@EXAMPLE.TEST")
        }
    }

    @Test("A stopped realm leaves neither folder nor process, and says so to late callers")
    func stops() async throws {
        let realm = try await KerberosRealm.start()
        let kdc = try #require(await realm.processIdentifier)
        #expect(isRunning(kdc))
        await realm.stop()
        #expect(!isRunning(kdc))
        #expect(!FileManager.default.fileExists(atPath: realm.folder))
        await realm.stop()
        let error = await #expect(throws: KerberosTestKitError.self) { try await realm.addPrincipal("ann") }
        #expect(error?.code == .stopped)
        let second = await #expect(throws: KerberosTestKitError.self) { try await realm.restartKDC() }
        #expect(second?.code == .stopped)
    }

    @Test("Dropping the last reference stops the realm")
    func dropped() async throws {
        var realm: KerberosRealm? = try await KerberosRealm.start()
        let kdc = try #require(await realm?.processIdentifier)
        let folder = try #require(realm?.folder)
        realm = nil
        #expect(await becomesTrue { !isRunning(kdc) && !FileManager.default.fileExists(atPath: folder) })
    }

    @Test("A start that is cancelled leaves nothing behind")
    func cancelledStart() async throws {
        try await withFolder { folder in
            let parent = folder.path
            let starting = Task { try await KerberosRealm.start(KerberosRealm.Configuration(parentFolder: parent)) }
            starting.cancel()
            let error = await #expect(throws: KerberosTestKitError.self) { try await starting.value }
            #expect(error?.code == .cancelled)
            let left = try FileManager.default.contentsOfDirectory(atPath: parent)
            #expect(left == [])
        }
    }

    @Test("A realm's body that throws still stops the realm")
    func scopeThatThrows() async throws {
        struct Expected: Error {}
        try await withFolder { folder in
            let parent = folder.path
            await #expect(throws: Expected.self) {
                try await KerberosRealm.withRealm(KerberosRealm.Configuration(parentFolder: parent)) { _ in
                    throw Expected()
                }
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: parent)
            #expect(left == [])
        }
    }

    @Test("Twenty realms do not disturb each other, not even when some stand still")
    func manyRealms() async throws {
        // All have the same names and other passwords: an answer from the wrong KDC is a failure.
        let realms = try await withThrowingTaskGroup(of: (number: Int, realm: KerberosRealm).self) { group in
            for number in 1...20 {
                group.addTask {
                    let realm = try await KerberosRealm.start()
                    try await realm.addPrincipal("ann", password: "secret of \(number)")
                    return (number, realm)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(realms.map(\.realm.port)).count == 20)
        try await realms[0].realm.pause()
        try await realms[1].realm.stopKDC()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, realm) in realms.dropFirst(2) {
                group.addTask {
                    _ = try await realm.makeCache("ann", password: "secret of \(number)")
                    #expect(try await realm.events().filter(\.issued).count == 1)
                }
            }
            try await group.waitForAll()
        }
        for (_, realm) in realms.prefix(2) { #expect(try await realm.events() == []) }
        for (_, realm) in realms { await realm.stop() }
    }

    @Test("A paused KDC keeps silent until it goes on")
    func pauses() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipal("ann", password: "secret")
            try await realm.pause()
            let kinit = try BuiltExecutable.system("kinit", package: "krb5-user")
            await #expect(throws: TestSupportError.self) {
                try await Child.run(
                    kinit, ["ann"], environment: realm.environment(), standardInput: "secret\n",
                    timeout: .milliseconds(300))
            }
            #expect(try await realm.events() == [])
            try await realm.resume()
            let cache = try await realm.makeCache("ann", password: "secret")
            #expect(cache.hasPrefix("FILE:\(realm.folder)/"))
        }
    }

    @Test("A stopped KDC is not reachable, and comes back on its port with its principals")
    func restarts() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipal("ann", password: "secret")
            try await realm.stopKDC()
            #expect(await realm.processIdentifier == nil)
            let error = await #expect(throws: KerberosTestKitError.self) {
                try await realm.makeCache("ann", password: "secret")
            }
            #expect(error?.code == .toolFailed)
            #expect(error?.standardError.contains("Cannot contact any KDC") == true)
            let paused = await #expect(throws: KerberosTestKitError.self) { try await realm.pause() }
            #expect(paused?.code == .kdcFailed)
            try await realm.restartKDC()
            _ = try await realm.makeCache("ann", password: "secret")
            #expect(try await realm.events().filter(\.issued).count == 1)
        }
    }

    @Test("Settings reach the libraries and the KDC")
    func settings() async throws {
        let configuration = KerberosRealm.Configuration(
            realm: "OTHER.TEST", maximumLifetime: .seconds(600), libdefaults: ["forwardable = true"],
            realmLines: ["auth_to_local = DEFAULT"], otherRealms: ["FAR.TEST": ["kdc = 127.0.0.1:1"]],
            domainRealm: [".far.test": "FAR.TEST"])
        try await KerberosRealm.withRealm(configuration) { realm in
            let text = try String(contentsOfFile: realm.configurationFile, encoding: .utf8)
            #expect(text.contains("auth_to_local = DEFAULT") && text.contains(".far.test = FAR.TEST"))
            try await realm.addPrincipal("ann", password: "secret")
            let cache = try await realm.makeCache("ann", password: "secret", lifetime: .seconds(3600))
            let klist = try BuiltExecutable.system("klist", package: "krb5-user")
            let listing = try await Child.run(
                klist, ["-f", cache], environment: realm.environment().merging(["LC_ALL": "C", "TZ": "UTC"]) { $1 })
            #expect(listing.status == 0 && listing.stdout.contains("ann@OTHER.TEST"), "\(listing)")
            #expect(listing.stdout.contains("Flags: F"), "\(listing)")
            let times = listing.stdout.matches(of: /\d\d\/\d\d\/\d\d \d\d:\d\d:\d\d/).map { String($0.output) }
            let format = DateFormatter()
            format.dateFormat = "MM/dd/yy HH:mm:ss"
            let from = try #require(times.first.flatMap(format.date(from:)))
            let until = try #require(times.dropFirst().first.flatMap(format.date(from:)))
            #expect(until.timeIntervalSince(from) == 600, "\(listing)")
        }
    }

    @Test(
        "Settings that would break the files are refused",
        arguments: [
            KerberosRealm.Configuration(realm: ""), KerberosRealm.Configuration(realm: "A B"),
            KerberosRealm.Configuration(realm: "-n"), KerberosRealm.Configuration(realm: "A\nB"),
            KerberosRealm.Configuration(libdefaults: ["rdns = true\n[realms]"]),
            KerberosRealm.Configuration(domainRealm: ["a": "B\0"]),
            KerberosRealm.Configuration(ticketLifetime: .zero),
            KerberosRealm.Configuration(parentFolder: "/does/not/exist"),
        ])
    func refusedSettings(_ configuration: KerberosRealm.Configuration) async {
        let error = await #expect(throws: KerberosTestKitError.self) { try await KerberosRealm.start(configuration) }
        #expect(error?.code == .invalidArgument)
    }
}
