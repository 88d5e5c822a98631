import Glibc
import Synchronization
import TestSupport
import Testing

@testable import KerberosTestKit

@Suite struct KitInternalsTests {
    @Test(
        "A missing program's error names its Debian package",
        arguments: [
            ("krb5kdc", "krb5-kdc"), ("kdb5_util", "krb5-kdc"), ("kadmin.local", "krb5-admin-server"),
            ("kinit", "krb5-user"),
        ])
    func missingTool(name: String, package: String) throws {
        let tools = [KerberosTool.krb5kdc, .kdb5Util, .kadminLocal, .kinit]
        let tool = try #require(tools.first { $0.name == name })
        let error = #expect(throws: KerberosTestKitError.self) { try tool.locate(searching: "/nowhere:relative") }
        #expect(error?.code == .toolMissing)
        #expect(error?.message.contains("apt-get install \(package)") == true)
        #expect(try tool.locate().hasSuffix("/\(name)"))
    }

    @Test("Only regular files that may be run are programs")
    func programs() throws {
        let folder = "/tmp/programs-\(UInt64.random(in: 0 ... .max))"
        let others = ["folder", "pipe", "data", "good"]
        try #require(mkdir(folder, 0o700) == 0)
        defer {
            for name in others {
                unlink("\(folder)/\(name)/kinit")
                rmdir("\(folder)/\(name)/kinit")
                rmdir("\(folder)/\(name)")
            }
            rmdir(folder)
        }
        for name in others { try #require(mkdir("\(folder)/\(name)", 0o700) == 0) }
        #expect(mkdir("\(folder)/folder/kinit", 0o700) == 0)
        #expect(mkfifo("\(folder)/pipe/kinit", 0o700) == 0)
        for (name, mode) in [("data", 0o600), ("good", 0o700)] as [(String, mode_t)] {
            close(open("\(folder)/\(name)/kinit", O_CREAT | O_WRONLY, mode))
        }
        let path = others.map { "\(folder)/\($0)" }.joined(separator: ":")
        #expect(try KerberosTool.kinit.locate(searching: path) == "\(folder)/good/kinit")
        let error = #expect(throws: KerberosTestKitError.self) {
            try KerberosTool.kinit.locate(searching: "\(folder)/folder:\(folder)/pipe:\(folder)/data")
        }
        #expect(error?.code == .toolMissing)
    }

    @Test("An engine that is not installed is named")
    func missingEngine() async throws {
        let configuration = KerberosRealm.Configuration(backend: .container(engine: "no-such-engine"))
        let error = await #expect(throws: KerberosTestKitError.self) { try await KerberosRealm.start(configuration) }
        #expect(error?.code == .toolMissing && error?.message.contains("no-such-engine") == true)
    }

    @Test("A template's gaps are filled with lines or words, and one that nothing fills is an error")
    func template() throws {
        let template = RealmTemplate(Array("[a]\n    @LINES@\n    @NAME@ = x@NAME@ {\n@NONE@\n}\n".utf8))
        let filled = try template.filled(["LINES": ["b = 1", "c = 2"], "NAME": ["R"], "NONE": []])
        #expect(filled == "[a]\n    b = 1\n    c = 2\n    R = xR {\n}\n")
        let error = #expect(throws: KerberosTestKitError.self) { try template.filled(["LINES": [], "NONE": []]) }
        #expect(error?.message.contains("NAME") == true)
    }

    @Test("A port that another process took in the meantime is given up for another one")
    func lostPort() async throws {
        // Listening on one family alone is enough to make a port unusable.
        let taken = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(taken) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        inet_pton(AF_INET6, "::1", &address.sin6_addr)
        let port = withUnsafeMutableBytes(of: &address) { bytes -> UInt16? in
            guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return nil }
            var length = socklen_t(bytes.count)
            guard bind(taken, pointer, length) == 0, listen(taken, 1) == 0,
                getsockname(taken, pointer, &length) == 0
            else { return nil }
            return UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
        }
        let number = try #require(port)
        let attempts = Attempts()
        let configuration = KerberosRealm.Configuration(backend: try .chosen)
        let realm = try await KerberosRealm.start(configuration) { () throws(KerberosTestKitError) in
            attempts.next() == 1
                ? LoopbackPort(number: number, addresses: ["127.0.0.1", "::1"]) : try LoopbackPort.find()
        }
        #expect(attempts.count == 2)
        #expect(realm.port != number)
        try await realm.addPrincipal("ann", password: "secret")
        _ = try await realm.makeCache("ann", password: "secret")
        await realm.stop()
    }

    @Test(
        "Lines of the KDC's log become events",
        arguments: [
            (
                "krb5kdc[1](info): AS_REQ (2 etypes {aes(18), aes(17)}) ::1: ISSUE: authtime 1, etypes {rep=aes(18), "
                    + "tkt=aes(18), ses=aes(18)}, ann@R for krbtgt/R@R",
                KDCEvent(.authentication, "::1", .issued, "ann@R", "krbtgt/R@R", nil)
            ),
            (
                "krb5kdc[1](info): AS_REQ (1 etypes {aes(18)}) 127.0.0.1: NEEDED_PREAUTH: ann@R for krbtgt/R@R, "
                    + "Additional pre-authentication required",
                KDCEvent(
                    .authentication, "127.0.0.1", .preauthenticationNeeded, "ann@R", "krbtgt/R@R",
                    "Additional pre-authentication required")
            ),
            (
                "krb5kdc[1](info): TGS_REQ (1 etypes {aes(18)}) 127.0.0.1: LOOKING_UP_SERVER: authtime 0, etypes "
                    + "{rep=UNSUPPORTED:(0)} ann@R for mongodb/x@R, Server not found in Kerberos database",
                KDCEvent(
                    .ticketGranting, "127.0.0.1", .serverNotFoundByTicket, "ann@R", "mongodb/x@R",
                    "Server not found in Kerberos database")
            ),
            ("krb5kdc[1](info): closing down fd 12", nil), ("", nil),
            ("krb5kdc[1](info): AS_REQ (1 etypes {aes(18)}) 127.0.0.1: cut", nil),
        ] as [(String, KDCEvent?)])
    func logLine(line: String, expected: KDCEvent?) {
        #expect(KDCEvent(logLine: line) == expected)
    }
}

extension KDCEvent {
    fileprivate init(
        _ kind: Kind, _ address: String, _ outcome: Outcome, _ client: String, _ server: String, _ error: String?
    ) {
        self.init(
            kind: kind, address: address, outcome: outcome, client: client, server: server, error: error)
    }
}

/// Counts calls of a closure that must be `Sendable`.
private final class Attempts: Sendable {
    private let calls = Mutex(0)

    var count: Int { calls.withLock { $0 } }

    func next() -> Int {
        calls.withLock {
            $0 += 1
            return $0
        }
    }
}
