import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Passwords and keys are not disclosed: in no output, log or error, at the highest verbosity, whatever happens.
@Suite struct SecretsTests {
    /// The forms in which bytes could be written.
    private func forms(_ bytes: [UInt8]) -> [String] {
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let text = String(decoding: bytes, as: UTF8.self)
        let base64 = Data(bytes).base64EncodedString().prefix { $0 != "=" }.dropLast(2)
        return [
            text, text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text, hex.joined(),
            hex.joined(separator: " "), bytes.map { "\($0)" }.joined(separator: ", "), String(base64),
        ].map { $0.lowercased() }
    }

    /// The keys of a keytab, as `klist` shows them.
    private func keys(_ keytab: String, _ realm: SharedRealm) async throws -> [[UInt8]] {
        let listing = try await Child.run(
            BuiltExecutable.system("klist", package: "krb5-user"), ["-k", "-K", keytab],
            environment: realm.realm.environment())
        let keys = listing.stdout.split(separator: "\n").compactMap { line -> [UInt8]? in
            guard let start = line.firstRange(of: "(0x") else { return nil }
            let digits = Array(line[start.upperBound...].prefix { $0 != ")" })
            return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
        }
        try #require(!keys.isEmpty && keys.allSatisfy { $0.count >= 16 }, "\(listing)")
        return keys
    }

    private func expect(
        _ text: String, toHoldNoneOf secrets: [[UInt8]], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let text = text.lowercased()
        for secret in secrets {
            for form in forms(secret) {
                #expect(!text.contains(form), "a secret as \(form)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test func noneIsInTheLogsOfTheLibrary() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let wrong = "an altogether wrong password"
        let groups = [
            Crowd.Group(uri: uri, password: realm.annPassword), Crowd.Group(uri: uri, password: wrong),
            Crowd.Group(uri: uri, keytab: realm.annKeytab),
            Crowd.Group(uri: gssapiURI(realm.bob, "x.invalid"), password: realm.bobPassword),
            // Refused by the server, after its token was made.
            Crowd.Group(
                uri: gssapiURI(realm.bob, Family.ipv4.authority(server.port)), password: realm.bobPassword),
        ]
        let (outcome, child) = try await Crowd(steps: [.init(groups: groups)]).run(
            in: realm, environment: ["CROWD_TRACE": "1", "KRB5_TRACE": "/dev/stderr"])
        #expect(outcome.all.count { $0.user == realm.ann } == 2 && outcome.all.count { $0.code != nil } == 3)
        #expect(child.stderr.contains("sasl command") && child.stderr.contains("krb5_get_init_creds") == false)
        #expect(child.stderr.contains("Getting initial credentials"), "libkrb5's own trace is missing")
        let secrets = [realm.annPassword, realm.bobPassword, wrong].map { Array($0.utf8) }
        expect(child.description, toHoldNoneOf: secrets + (try await keys(realm.annKeytab, realm)))
        try await server.stop()
    }

    @Test(arguments: ["text", "json"])
    func noneIsInWhatAuthCheckSays(format: String) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let wrong = "an altogether wrong password"
        var secrets = [realm.annPassword, wrong].map { Array($0.utf8) }
        secrets += try await keys(realm.annKeytab, realm)
        let scram = uri.replacing("GSSAPI", with: "SCRAM-SHA-256")
        let runs: [(uri: String, options: [String], input: String, status: Int32)] = [
            (uri, ["--password-file", "-"], realm.annPassword, 0), (uri, ["--password-file", "-"], wrong, 22),
            (uri, ["--keytab", realm.annKeytab], "", 0),
            (scram, ["--password-file", "-"], wrong, 64),
            ("mongodb://ann@localhost:99999/?authMechanism=GSSAPI", ["--password-file", "-"], wrong, 64),
            ("mongodb://ann@localhost/?authMechanism=NOSUCH", ["--password-file", "-"], wrong, 64),
        ]
        for run in runs {
            let result = try await Child.run(
                BuiltExecutable.url(named: "authcheck"),
                [run.uri, "--format", format, "--verbose", "--timeout", "60s"] + run.options,
                environment: realm.realm.environment(), standardInput: run.input)
            #expect(result.status == run.status, "\(result)")
            expect(result.description, toHoldNoneOf: secrets)
        }
        try await server.stop()
    }
}
