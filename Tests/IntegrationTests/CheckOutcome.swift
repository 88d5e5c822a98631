import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// The JSON of `authcheck check`, written independently from its contract: what programs rely on.
struct CheckJSON: Decodable {
    struct Failure: Decodable {
        var `class`: String
        var phase: String?
        var host: String?
        var message: String
        var hint: String?
        var kerberos: KerberosError?
        var clockOffsetSeconds: Double?
    }

    struct KerberosError: Decodable {
        var call: String
        var major: UInt32
        var majorName: String
        var majorMessages: [String]
        var minor: Int32
        var symbolicName: String?
        var minorMessages: [String]
    }

    struct Ticket: Decodable {
        var server: String
        var encryptionType: String?
        var keyVersion: Int?
        var sessionEncryptionType: String
        var startTime: String
        var endTime: String
        var secondsLeft: Int
        var renewableUntil: String?
        var flags: [String]
    }

    struct Cache: Decodable {
        var name: String
        var type: String
        var principal: String?
    }

    struct Kerberos: Decodable {
        var configurationFiles: [String]
        var defaultRealm: String?
        var principal: String?
        var cache: Cache?
        var clientKeytab: String?
        var ticketGrantingTicket: Ticket?
    }

    struct HostKerberos: Decodable {
        var service: String
        var serviceTicket: Ticket?
        var grantedFlags: [String]?
        var offeredLayers: [String]?
    }

    struct Phase: Decodable {
        var name: String
        var result: String
        var milliseconds: Double?
        var detail: String?
    }

    struct Attempt: Decodable {
        var address: String
        var family: String?
        var startMilliseconds: Double
        var endMilliseconds: Double?
        var outcome: String
        var reason: String?
    }

    struct Role: Decodable, Hashable {
        var role: String
        var database: String
    }

    struct Identity: Decodable, Hashable {
        var user: String
        var database: String?
        var roles: [Role]
    }

    struct Host: Decodable {
        var host: String
        var port: Int
        var result: String
        var phases: [Phase]
        var attempts: [Attempt]
        var identity: Identity?
        var kerberos: HostKerberos?
        var clockOffsetSeconds: Double?
        var warnings: [String]
    }

    var schema: String
    var result: String
    var exitStatus: Int32
    var failure: Failure?
    var hosts: [Host]
    var warnings: [String]
    var kerberos: Kerberos?
}

/// The result of a run of `authcheck`.
struct CheckOutcome: CustomStringConvertible {
    var child: Child.Result
    var report: CheckJSON

    var status: Int32 { child.status }
    var failure: CheckJSON.Failure? { report.failure }
    var description: String { "\(child)" }

    /// All text about the failure.
    var advice: String { [failure?.message, failure?.hint].compactMap(\.self).joined(separator: "\n") }
}

/// Runs the program as its users do: a process of its own, in a realm's environment.
enum AuthCheck {
    /// Runs `authcheck URI --format json` and reads its report.
    ///
    /// - Parameters:
    ///   - timeout: For `--timeout`. Generous if nothing should time out: the machine may be busy.
    static func check(
        _ uri: String, in realm: SharedRealm, cache: String?, timeout: String = "60s",
        environment: [String: String] = [:]
    ) async throws -> CheckOutcome {
        try await check(
            uri, timeout: timeout, environment: realm.realm.environment(cache: cache).merging(environment) { $1 })
    }

    /// Runs `authcheck URI --format json` in an environment and reads its report.
    ///
    /// - Parameter wrapper: A program and its arguments that run `authcheck` in their own way.
    static func check(
        _ uri: String, _ options: [String] = [], timeout: String = "60s", environment: [String: String],
        wrapper: [String] = []
    ) async throws -> CheckOutcome {
        let program = try BuiltExecutable.url(named: "authcheck")
        let words = wrapper + [program.path, uri, "--format", "json", "--timeout", timeout] + options
        let result = try await Child.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: environment, timeout: .seconds(120))
        return try read(result)
    }

    /// Reads the report that a run with `--format json` has printed.
    static func read(_ result: Child.Result) throws -> CheckOutcome {
        do {
            let report = try JSONDecoder().decode(CheckJSON.self, from: Data(result.stdout.utf8))
            // Every document of every test.
            try JSONSchema("authcheck.check").check(result.stdout)
            return CheckOutcome(child: result, report: report)
        } catch {
            throw TestSupportError("authcheck printed no report (\(error)): \(result)")
        }
    }

    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Child.Result {
        try await Child.run(
            BuiltExecutable.url(named: "authcheck"), arguments, environment: environment, timeout: .seconds(120))
    }
}

/// A family of addresses on which servers of these tests listen.
enum Family: String, CaseIterable, CustomTestStringConvertible {
    case ipv4 = "127.0.0.1"
    case ipv6 = "::1"

    var testDescription: String { self == .ipv4 ? "IPv4" : "IPv6" }

    /// The address and port as a connection string has them.
    func authority(_ port: Int) -> String {
        self == .ipv4 ? "127.0.0.1:\(port)" : "[::1]:\(port)"
    }
}

/// A connection string for GSSAPI.
///
/// - Parameters:
///   - properties: For `authMechanismProperties`. The default is right for servers that are addressed by number.
func gssapiURI(_ user: String, _ authority: String, properties: String = "SERVICE_HOST:localhost") -> String {
    let escaped = user.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? user
    let suffix = properties.isEmpty ? "" : "&authMechanismProperties=\(properties)"
    return "mongodb://\(escaped)@\(authority)/?authMechanism=GSSAPI\(suffix)"
}
