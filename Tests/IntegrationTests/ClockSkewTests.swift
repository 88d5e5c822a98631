import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Another clock for a child process.
enum FakeTime {
    /// The words before a program and its arguments that run it an hour ago, or in an hour. Its timers keep the true
    /// time.
    ///
    /// The program `faketime` does that: where only its library is preloaded, it changes the environment at a time when
    /// the Swift runtime looks for the program's arguments behind it.
    static func wrapper(seconds: Int) throws -> [String] {
        let faketime = try BuiltExecutable.system("faketime", package: "faketime")
        return [faketime.path, "-m", "--exclude-monotonic", "-f", "\(seconds < 0 ? "" : "+")\(seconds)s"]
    }

    /// The same for a clock that a file sets, again and again: its content is an offset, for example `+3600s`.
    static func wrapper(file: String) throws -> [String] {
        try wrapper(seconds: 0) + [
            "/usr/bin/env", "-u", "FAKETIME", "FAKETIME_TIMESTAMP_FILE=\(file)", "FAKETIME_NO_CACHE=1",
        ]
    }
}

/// Clocks that differ by an hour, in both directions, at this machine and at the server: which one, and by how much.
@Suite struct ClockSkewTests {
    /// The two clocks are read within this time of each other, on a machine that has much else to do.
    private static let tolerance = 120.0

    @Test(arguments: [-3600, 3600])
    func thisMachinesClock(seconds: Int) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
        // A cache of its own: the library notes the KDC's time in it.
        let cache = try await realm.realm.makeCache("ann", password: realm.annPassword)
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)),
            environment: realm.realm.environment(cache: cache), wrapper: try FakeTime.wrapper(seconds: seconds))
        #expect(outcome.status == 24, "\(outcome)")
        #expect(outcome.failure?.class == "clock-skew")
        #expect(outcome.failure?.phase == "kerberos")
        #expect(outcome.failure?.kerberos?.symbolicName == "KRB5KRB_AP_ERR_SKEW", "\(outcome)")
        let offset = try #require(outcome.failure?.clockOffsetSeconds, "\(outcome)")
        #expect(abs(offset + Double(seconds)) < Self.tolerance, "\(outcome)")
        let serverOffset = try #require(outcome.report.hosts.first?.clockOffsetSeconds, "\(outcome)")
        #expect(abs(serverOffset + Double(seconds)) < Self.tolerance, "\(outcome)")
        let word = seconds < 0 ? "behind" : "ahead of"
        #expect(outcome.failure?.hint?.contains("clock is") == true, "\(outcome)")
        #expect(outcome.failure?.hint?.contains(word) == true, "\(outcome)")
        try await server.stop()
    }

    /// With a `kinit` by the same wrong clock the cache says how far it is off, and libkrb5 makes up for it: also where
    /// the clock is days ahead, and every ticket has ended by it.
    @Test(arguments: [-3600, 3600, 172_800])
    func aClockThatKinitHasMeasured(seconds: Int) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
        let wrapper = try FakeTime.wrapper(seconds: seconds)
        let cache = "FILE:\(realm.realm.folder)/measured-\(UUID().uuidString)"
        let words = try wrapper + [BuiltExecutable.system("kinit", package: "krb5-user").path, "-c", cache, realm.ann]
        let kinit = try await Child.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: realm.realm.environment(),
            standardInput: realm.annPassword + "\n")
        #expect(kinit.status == 0, "\(kinit)")
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)),
            environment: realm.realm.environment(cache: cache), wrapper: wrapper)
        #expect(outcome.status == 0, "\(outcome)")
        try await server.stop()
    }

    /// The wall clock is set while a process runs: to libkrb5 its tickets have expired, or are not valid yet, whatever
    /// other clocks say.
    @Test(arguments: [(0, 172_800), (0, 3600), (3600, 0), (-3600, 0)])
    func aClockThatIsSetMeanwhile(from first: Int, to second: Int) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let file = "\(realm.realm.folder)/clock-\(UUID().uuidString)"
        for (seconds, file) in [(first, file), (second, "\(file)-later")] {
            try "\(seconds < 0 ? "" : "+")\(seconds)s\n".write(toFile: file, atomically: true, encoding: .utf8)
        }
        let group = Crowd.Group(
            uri: gssapiURI(realm.ann, Family.ipv4.authority(server.port)), keytab: realm.annKeytab)
        let (outcome, _) = try await Crowd(steps: [
            .init(groups: [group]), .init(groups: [group], replace: ["\(file)-later": file]), .init(groups: [group]),
        ]).run(in: realm, wrapper: try FakeTime.wrapper(file: file))
        #expect(outcome.all.map(\.user) == [realm.ann, realm.ann, realm.ann], "\(outcome.all.compactMap(\.message))")
        try await server.stop()
    }

    /// With a clock that is days ahead every ticket looks expired, and `kinit` would not help.
    @Test func aTicketThatOnlySeemsToHaveExpired() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
        let cache = try await realm.realm.makeCache("ann", password: realm.annPassword)
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)),
            environment: realm.realm.environment(cache: cache), wrapper: try FakeTime.wrapper(seconds: 3 * 86_400))
        #expect(outcome.status == 24, "\(outcome)")
        #expect(outcome.failure?.kerberos?.symbolicName == "KRB5KRB_AP_ERR_TKT_EXPIRED", "\(outcome)")
        #expect(outcome.failure?.hint?.contains("3 d") == true || outcome.failure?.hint?.contains("2 d 23 h") == true)
        try await server.stop()
    }

    /// The server only refuses; the time in its greeting may show why, but is not authenticated.
    @Test(arguments: [-3600, 3600])
    func theServersClock(seconds: Int) async throws {
        let realm = try await SharedRealm.shared
        let words =
            try FakeTime.wrapper(seconds: seconds) + [
                BuiltExecutable.url(named: "mongo-test-server").path, "--listen", "127.0.0.1:0", "--keytab",
                realm.serviceKeytab, "--service-host", "localhost", "--user", realm.ann, "--exit-with-parent",
            ]
        let server = try await ServerProcess(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()),
            environment: realm.realm.environment(keytab: realm.serviceKeytab))
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)), in: realm, cache: realm.annCache)
        #expect(outcome.status == 30, "\(outcome)")
        #expect(outcome.failure?.phase == "sasl", "\(outcome)")
        let offset = try #require(outcome.failure?.clockOffsetSeconds, "\(outcome)")
        #expect(abs(offset - Double(seconds)) < Self.tolerance, "\(outcome)")
        #expect(
            outcome.failure?.hint?.contains(
                "its clock is 1 h \(seconds > 0 ? "ahead of" : "behind") this machine's and the KDC's") == true,
            "\(outcome)"
        )
        try await server.stop()
    }
}
