import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// No password, key or token appears in anything that is written, at the highest verbosity.
@Suite struct TraceSecretsTests {
    /// What must not be found: the words themselves, and bytes in the forms in which programs print them.
    private struct Secrets {
        var words: [String] = []

        mutating func add(_ name: String) {
            words.append(name)
        }

        mutating func add(bytes: [UInt8]) {
            let hexadecimal = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            words += [hexadecimal, hexadecimal.uppercased(), Data(bytes).base64EncodedString()]
            // Base64 of the bytes as a part of something longer starts at any of three places.
            for skipped in 1...2 where bytes.count > 8 {
                words.append(String(Data(bytes.dropFirst(skipped)).base64EncodedString().prefix(16)))
            }
        }

        func found(in text: String) -> [String] { words.filter { text.contains($0) } }
    }

    /// The keys of a keytab, version 5.2: each entry has its length in front and ends with the key.
    private static func keys(in keytab: String) throws -> [[UInt8]] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: keytab)))
        var keys: [[UInt8]] = []
        var position = 2
        func number(_ at: Int, _ count: Int) -> Int { bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) } }
        while position + 4 <= bytes.count {
            let length = number(position, 4)
            var field = position + 4
            let components = number(field, 2)
            field += 2
            for _ in 0...components { field += 2 + number(field, 2) }
            // Name type, time, version; then the key's type and length.
            field += 4 + 4 + 1 + 2
            let count = number(field, 2)
            keys.append(Array(bytes[field + 2..<field + 2 + count]))
            position += 4 + length
        }
        return keys
    }

    /// The tokens of the messages that the server received: `scripted-acceptor` writes them down.
    @Test func keysAndTokensAreNotPrinted() async throws {
        let realm = try await SharedRealm.shared
        let (user, keytab) = try await realm.newUser("secretive")
        var secrets = Secrets()
        let keys = try Self.keys(in: keytab) + Self.keys(in: realm.serviceKeytab)
        #expect(keys.count >= 2)
        #expect(keys.allSatisfy { $0.count == 16 || $0.count == 32 }, "the keytabs were not understood")
        for key in keys { secrets.add(bytes: key) }

        let server = try await ServerProcess.start(realm: realm.realm, keytab: realm.serviceKeytab, users: [user])
        let uri = gssapiURI(user, Family.ipv4.authority(server.port))
        try await withFolder { folder in
            let trace = folder.appendingPathComponent("trace").path
            for format in ["text", "json"] {
                let result = try await AuthCheck.run(
                    [uri, "--verbose", "--trace", trace, "--format", format],
                    environment: realm.realm.environment(cache: realm.absentCache(), clientKeytab: keytab))
                #expect(result.status == 0, "\(result)")
                #expect(result.stderr.contains("sasl.length"), "the log is not at its most talkative: \(result)")
                let text = try String(contentsOfFile: trace, encoding: .utf8)
                #expect(text.contains("krbtgt"), "the trace is empty")
                for (name, output) in [("stdout", result.stdout), ("stderr", result.stderr), ("trace", text)] {
                    #expect(secrets.found(in: output).isEmpty, "a key is in \(name)")
                    #expect(!Self.hasToken(output), "a token is in \(name)")
                }
            }
        }
        try await server.stop()
    }

    /// Every first token of Kerberos begins with the mechanism's identifier, whatever is around it.
    private static func hasToken(_ text: String) -> Bool {
        let lowercased = text.lowercased()
        // 06 09 2a 86 48 86 f7 12 01 02 02, in hexadecimal with and without separators, and in base64 at each place.
        let identifier: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02]
        let pairs = identifier.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let hexadecimal = ["", " ", ":"].map { pairs.joined(separator: $0) }
        let base64 = (0...2).map { skipped in
            // The first and the last characters depend on neighbours.
            let whole = Data([UInt8](repeating: 0, count: skipped) + identifier).base64EncodedString()
            return String(whole.dropFirst(4).prefix(8))
        }
        return hexadecimal.contains { lowercased.contains($0) } || base64.contains { text.contains($0) }
    }

    @Test func theSearchFindsWhatItLooksFor() {
        let token: [UInt8] = [
            0x60, 0x82, 0x02, 0x5A, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02, 1,
        ]
        for front in 0...2 {
            let bytes = [UInt8](repeating: 7, count: front) + token
            #expect(Self.hasToken(Data(bytes).base64EncodedString()))
        }
        #expect(Self.hasToken(token.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")))
        #expect(!Self.hasToken("sasl.length=612 sasl.sha256=0609aabb"))
    }

    /// Passwords of other mechanisms, which the program has in hand itself.
    @Test(arguments: ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
    func passwordsAreNotPrinted(mechanism: String) async throws {
        let password = "pssst-\(UUID().uuidString)"
        let port = try ClosedPort(.ipv4)
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
        for port in [port.number, server.port] {
            let uri = "mongodb://ann:\(password)@127.0.0.1:\(port)/?authMechanism=\(mechanism)"
            let result = try await Child.run(
                BuiltExecutable.url(named: "authcheck"), ["-", "--verbose"],
                environment: realm.realm.environment(), standardInput: uri + "\n")
            #expect(result.status != 0, "\(result)")
            for output in [result.stdout, result.stderr] {
                #expect(!output.contains(password))
                #expect(!output.contains(Data(password.utf8).base64EncodedString()))
                #expect(!output.contains(Data("\0ann\0\(password)".utf8).base64EncodedString()))
            }
        }
        try await server.stop()
    }
}
