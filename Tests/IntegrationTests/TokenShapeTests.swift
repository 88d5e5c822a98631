import Foundation
import GSSCore
import TestSupport
import Testing

/// What the client sends in a success, as an acceptor records it.
@Suite struct TokenShapeTests {
    /// A line of what `scripted-acceptor --record` writes.
    private struct Entry: Decodable {
        var kind: String
        var database: String?
        var mechanism: String?
        var payloadType: String?
        var bytes: String?
        var isConfidential: Bool?
        var flags: UInt32?
        var initiator: String?
    }

    private func record(_ user: String, in realm: SharedRealm, _ family: Family) async throws -> [Entry] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("record-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try await ScriptedServer.start("none", in: realm, listen: family, record: path)
        let uri = gssapiURI(user, family.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        try await server.stop()
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        return try lines.map { try JSONDecoder().decode(Entry.self, from: Data($0.utf8)) }
    }

    @Test(arguments: Family.allCases)
    func theConversationHasTheShapeOfRFC4752(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let entries = try await record(realm.ann, in: realm, family)
        try #require(entries.map(\.kind) == ["saslStart", "context", "saslContinue", "saslContinue", "clear"])
        let commands = [entries[0], entries[2], entries[3]]
        #expect(commands.map(\.database) == ["$external", "$external", "$external"])
        #expect(commands.map(\.mechanism) == ["GSSAPI", nil, nil])
        #expect(commands.map(\.payloadType) == ["binary 0", "binary 0", "binary 0"])

        // The initial token: RFC 2743 section 3.1 framing around the mechanism's OID, then the id of an AP-REQ.
        let first = try #require(commands[0].bytes)
        #expect(first.wholeMatch(of: /60(82....|81..)06092a864886f71201020201006e[0-9a-f]+/) != nil, "\(first)")
        // Present, and empty: not left out.
        #expect(commands[1].bytes == "")
        // A wrap token of RFC 4121: from the initiator, with the acceptor's subkey, not sealed.
        #expect(try #require(commands[2].bytes).hasPrefix("050404ff"))

        let clear = "01000000" + realm.ann.utf8.map { String($0, radix: 16) }.joined()
        #expect(entries[4].bytes == clear)
        #expect(entries[4].isConfidential == false)
    }

    @Test func theServerIsAskedForItsProofAndGetsNoTicketOfTheUsers() async throws {
        let realm = try await SharedRealm.shared
        let entries = try await record(realm.ann, in: realm, .ipv4)
        let context = try #require(entries.first { $0.kind == "context" })
        let flags = GSSContextFlags(rawValue: try #require(context.flags))
        #expect(flags.isSuperset(of: [.mutualAuthentication, .integrity]))
        #expect(flags.isDisjoint(with: [.delegation, .anonymity]))
        #expect(context.initiator == realm.ann)
    }

    /// Servers compare whole principals: a user name without a realm is sent with the one that it stands for.
    @Test func aNameWithoutRealmIsSentWithIt() async throws {
        let realm = try await SharedRealm.shared
        let entries = try await record("ann", in: realm, .ipv4)
        let clear = try #require(entries.last { $0.kind == "clear" }?.bytes)
        #expect(clear == "01000000" + realm.ann.utf8.map { String($0, radix: 16) }.joined())
    }
}
