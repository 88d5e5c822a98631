import Foundation
import TestSupport
import Testing

/// One run of `authcheck`, whose text and JSON are stored in `Fixtures/Golden/NAME.txt`, `.120.txt` and `.json`.
struct GoldenCase: Sendable, CustomTestStringConvertible {
    /// In which way the program is run.
    enum Wrapper: Sendable {
        case none
        /// With a clock that is so many seconds ahead.
        case clock(seconds: Int)
        /// Without the right of the superuser to read everything.
        case obeyingFileModes
        /// With `^C` after so long that a busy machine, too, has come as far as hello.
        case interrupted

        func words() throws -> [String] {
            switch self {
            case .none: []
            case .clock(let seconds): try FakeTime.wrapper(seconds: seconds)
            case .obeyingFileModes: try AuthCheck.obeyingFileModes()
            case .interrupted:
                [
                    try BuiltExecutable.system("timeout", package: "coreutils").path, "--preserve-status", "-s", "INT",
                    "8",
                ]
            }
        }
    }

    var name: String
    /// The expected rule; `nil` if nothing fails, or if no rule is needed.
    var rule: String?
    var arguments: [String]
    var variables: [String: String] = [:]
    var wrapper = Wrapper.none
    var input = ""
    /// The schema of its JSON.
    var schema = "authcheck.check"

    var testDescription: String { name }
}

extension GoldenCase {
    /// A connection string for Kerberos, to a host of the world.
    static func uri(_ host: String, user: String = "ann@\(GoldenNames.realm)", _ options: String = "") -> String {
        let name =
            host.hasSuffix(".test") || host.hasSuffix(".net") || host.hasPrefix("127.") ? host : GoldenNames.host(host)
        let escaped = user.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? user
        return "mongodb://\(escaped.replacing("%2E", with: "."))@\(name)/?authMechanism=GSSAPI\(options)"
    }

    /// A check of a host by Kerberos that fails.
    ///
    /// - Parameters:
    ///   - name: The rule's name, perhaps with a variant behind a tilde.
    ///   - configuration: Of the files `krb5-NAME.conf`.
    ///   - cache: Of the files of the client's folder.
    static func kerberos(
        _ name: String, at host: String = "db", user: String = "ann@\(GoldenNames.realm)", _ options: String = "",
        configuration: String? = nil, cache: String? = nil, arguments: [String] = [], variables: [String: String] = [:],
        wrapper: Wrapper = .none, timeout: String = "60s"
    ) -> GoldenCase {
        var all = variables
        if let configuration { all["KRB5_CONFIG"] = "/mnt/krb5-\(configuration).conf" }
        if let cache { all["KRB5CCNAME"] = cache.contains(":") ? cache : "FILE:/mnt/\(cache)" }
        return check(
            name, uri(host, user: user, options), arguments, variables: all, wrapper: wrapper, timeout: timeout)
    }

    /// A check that fails, of any string.
    static func check(
        _ name: String, _ uri: String, _ arguments: [String] = [], variables: [String: String] = [:],
        wrapper: Wrapper = .none, timeout: String = "60s"
    ) -> GoldenCase {
        GoldenCase(
            name: name, rule: ruleName(name), arguments: [uri, "--timeout", timeout] + arguments, variables: variables,
            wrapper: wrapper)
    }

    /// What stands before the tilde.
    private static func ruleName(_ name: String) -> String { String(name.prefix { $0 != "~" }) }

    /// A check that fails without Kerberos.
    static func password(
        _ name: String, at host: String, mechanism: String? = nil, _ options: String = "", arguments: [String] = [],
        timeout: String = "60s"
    ) -> GoldenCase {
        let host = host.hasSuffix(".test") || host.hasSuffix(".net") ? host : GoldenNames.host(host)
        let query = (mechanism.map { "authMechanism=\($0)" } ?? "") + options
        let trimmed = query.hasPrefix("&") ? String(query.dropFirst()) : query
        return check(
            name, "mongodb://ann@\(host)/?\(trimmed)", ["--password-file", "/mnt/password"] + arguments,
            timeout: timeout)
    }

    /// TLS with the tests' authority.
    static let trusted = "&tls=true&tlsCAFile=%2Fmnt%2Ftls%2Fca.crt"

    /// What no rule is needed for.
    func withoutRule() -> GoldenCase {
        var copy = self
        copy.rule = nil
        return copy
    }
}
