import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Which principal a host name becomes, with names that the system's resolver really resolves. For each name there is a
/// server that has the key of that one principal: an authentication succeeds only where the principal is the right one.
@Suite struct CanonicalHostTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What is connected to, without the port.
        var host: String
        /// For `authMechanismProperties`; `REALM` is the realm's name.
        var properties: String
        var server: CanonicalHosts.Server
        /// What the one warning says; `nil` where there is none.
        var warning: String?
    }

    private static let values: [Case] = [
        Case(
            testDescription: "by default", host: "alias.example.test", properties: "SERVICE_NAME:mongodb",
            server: .alias),
        Case(
            testDescription: "none", host: "alias.example.test", properties: "CANONICALIZE_HOST_NAME:none",
            server: .alias),
        Case(
            testDescription: "false", host: "alias.example.test", properties: "CANONICALIZE_HOST_NAME:false",
            server: .alias),
        Case(
            testDescription: "forward", host: "alias.example.test", properties: "CANONICALIZE_HOST_NAME:forward",
            server: .end),
        Case(
            testDescription: "forwardAndReverse", host: "alias.example.test",
            properties: "CANONICALIZE_HOST_NAME:forwardAndReverse", server: .node),
        Case(
            testDescription: "true", host: "alias.example.test", properties: "CANONICALIZE_HOST_NAME:true",
            server: .node),
    ]

    private static let forms: [Case] = [
        Case(
            testDescription: "upper case and a final dot", host: "ALIAS.Example.TEST.",
            properties: "CANONICALIZE_HOST_NAME:none", server: .alias),
        Case(
            testDescription: "a search domain", host: "alias", properties: "CANONICALIZE_HOST_NAME:forward",
            server: .end),
        Case(
            testDescription: "an alias of the hosts file", host: "alias.hosts.test",
            properties: "CANONICALIZE_HOST_NAME:forward", server: .node),
        Case(
            testDescription: "IPv6", host: "v6.example.test", properties: "CANONICALIZE_HOST_NAME:forwardAndReverse",
            server: .node6),
        Case(
            testDescription: "an IPv6 address", host: "[fd00::7]",
            properties: "CANONICALIZE_HOST_NAME:forwardAndReverse", server: .node6),
        Case(
            testDescription: "an IPv4 address", host: "127.0.0.2", properties: "CANONICALIZE_HOST_NAME:true",
            server: .node),
    ]

    private static let fallBacks: [Case] = [
        Case(
            testDescription: "no PTR record", host: "nameless.example.test", properties: "CANONICALIZE_HOST_NAME:true",
            server: .nameless, warning: "falls back to the host end.nameless.example.test: 127.0.0.3"),
        Case(
            testDescription: "PTR fails", host: "failing.example.test", properties: "CANONICALIZE_HOST_NAME:true",
            server: .failing, warning: "falls back to the host end.failing.example.test: 127.0.0.4"),
        Case(
            testDescription: "forward fails", host: "db.example.test",
            properties: "CANONICALIZE_HOST_NAME:forward,SERVICE_HOST:gone.example.test", server: .gone,
            warning: "falls back to the host gone.example.test: gone.example.test"),
        Case(
            testDescription: "both fail", host: "db.example.test",
            properties: "CANONICALIZE_HOST_NAME:true,SERVICE_HOST:gone.example.test", server: .gone,
            warning: "falls back to the host gone.example.test: gone.example.test"),
    ]

    private static let otherProperties: [Case] = [
        Case(
            testDescription: "SERVICE_HOST", host: "127.0.0.2", properties: "SERVICE_HOST:db.example.test",
            server: .end),
        Case(
            testDescription: "SERVICE_HOST with a port", host: "alias.example.test",
            properties: "SERVICE_HOST:DB.Example.test.:27017", server: .end, warning: "has a port"),
        Case(
            testDescription: "SERVICE_HOST made canonical", host: "nameless.example.test",
            properties: "SERVICE_HOST:alias.example.test,CANONICALIZE_HOST_NAME:forward", server: .end),
        Case(
            testDescription: "SERVICE_NAME", host: "db.example.test",
            properties: "SERVICE_NAME:other,SERVICE_HOST:localhost", server: .other),
        Case(
            testDescription: "SERVICE_REALM", host: "alias.example.test",
            properties: "SERVICE_REALM:REALM,CANONICALIZE_HOST_NAME:true", server: .node),
    ]

    @Test(arguments: values + forms + fallBacks + otherProperties)
    func authenticates(_ example: Case) async throws {
        let hosts = try await CanonicalHosts.shared
        let outcome = try await hosts.check("\(example.host):\(example.server.port)", example.properties)
        #expect(outcome.status == 0, "\(outcome)")
        let host = try #require(outcome.report.hosts.first)
        let ticket = host.phases.first { $0.name == "kerberos" }?.detail
        #expect(ticket?.hasPrefix("ticket for \(example.server.principal)") == true, "\(outcome)")
        #expect(host.warnings.count == (example.warning == nil ? 0 : 1), "\(host.warnings)")
        #expect(host.warnings.first?.contains(example.warning ?? "") ?? true, "\(host.warnings)")
    }

    // MARK: - Failures

    /// Each server has one key, so that the tests above could not pass with another principal.
    @Test func aServerWithAnotherKeyRefuses() async throws {
        let outcome = try await CanonicalHosts.shared.check(
            "alias.example.test:\(CanonicalHosts.Server.end.port)", "CANONICALIZE_HOST_NAME:none")
        #expect(outcome.status == 30, "\(outcome)")
        #expect(outcome.failure?.phase == "sasl")
    }

    struct Unknown: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var host: String
        var properties: String
        var principal: String
        var warning: String?
    }

    private static let unknown: [Unknown] = [
        Unknown(
            testDescription: "a short name as it is", host: "alias", properties: "CANONICALIZE_HOST_NAME:none",
            principal: "mongodb/alias"),
        Unknown(
            testDescription: "an address as it is", host: "127.0.0.2", properties: "CANONICALIZE_HOST_NAME:none",
            principal: "mongodb/127.0.0.2", warning: "the address 127.0.0.2"),
        Unknown(
            testDescription: "an address, forward", host: "127.0.0.2", properties: "CANONICALIZE_HOST_NAME:forward",
            principal: "mongodb/127.0.0.2", warning: "the address 127.0.0.2"),
        Unknown(
            testDescription: "an address without a name", host: "127.0.0.3",
            properties: "CANONICALIZE_HOST_NAME:forwardAndReverse", principal: "mongodb/127.0.0.3",
            warning: "the address 127.0.0.3"),
        Unknown(
            testDescription: "an address in SERVICE_HOST", host: "db.example.test",
            properties: "SERVICE_HOST:[fd00::7]:27017", principal: "mongodb/fd00::7", warning: "the address fd00::7"),
        Unknown(
            testDescription: "another service", host: "db.example.test", properties: "SERVICE_NAME:another",
            principal: "another/db.example.test"),
    ]

    /// The warnings are there although there is no ticket.
    @Test(arguments: unknown)
    func theKDCDoesNotKnow(_ example: Unknown) async throws {
        let outcome = try await CanonicalHosts.shared.check(
            "\(example.host):\(CanonicalHosts.Server.end.port)", example.properties)
        #expect(outcome.status == 23, "\(outcome)")
        #expect(outcome.failure?.phase == "kerberos")
        #expect(outcome.advice.contains(example.principal), "\(outcome)")
        let warnings = try #require(outcome.report.hosts.first).warnings
        if let warning = example.warning {
            #expect(warnings.contains { $0.contains(warning) && $0.contains("SERVICE_HOST") }, "\(warnings)")
        } else {
            #expect(warnings.isEmpty)
        }
    }

    /// This does not test whether it counts as an unknown service or as a missing trust path.
    @Test func aRealmThatTheKDCDoesNotKnow() async throws {
        let outcome = try await CanonicalHosts.shared.check(
            "db.example.test:\(CanonicalHosts.Server.end.port)", "SERVICE_REALM:NOWHERE.TEST")
        #expect([23, 25].contains(outcome.status), "\(outcome)")
        #expect(outcome.failure?.phase == "kerberos")
        #expect(outcome.advice.contains("NOWHERE.TEST"), "\(outcome)")
    }

    /// A silent name server leads to no fallback while there is time left, and ends the check afterwards.
    @Test func aSilentNameServerCostsTheTimeAllowed() async throws {
        let outcome = try await CanonicalHosts.shared.check(
            "db.example.test:\(CanonicalHosts.Server.end.port)",
            "CANONICALIZE_HOST_NAME:forward,SERVICE_HOST:silent.example.test", timeout: "3s")
        #expect(outcome.status == 40, "\(outcome)")
        #expect(outcome.failure?.phase == "kerberos")
    }

    @Test func anotherValueIsAMistake() async throws {
        let outcome = try await CanonicalHosts.shared.check(
            "db.example.test", "CANONICALIZE_HOST_NAME:sometimes")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.advice.contains("CANONICALIZE_HOST_NAME"), "\(outcome)")
    }
}
