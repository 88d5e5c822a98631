import Glibc
import Synchronization
import TestSupport
import Testing

@testable import KerberosTestKit

@Suite struct KitInternalsTests {
    /// krb5kdc would share a port that another one of the same user has, and each would get some of the requests.
    @Test func aPortBelongsToOneRealm() throws {
        var kept: [LoopbackPort] = []
        for _ in 0..<20 { kept.append(try LoopbackPort.find()) }
        #expect(Set(kept.map(\.number)).count == 20)
        let number = kept[0].number
        #expect(LoopbackPort.Reservation(number) == nil)
        kept.removeAll()
        #expect(LoopbackPort.Reservation(number) != nil)
    }

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

    @Test("Lines of the log of Samba's KDC become events; one before a request tells why an account may not log in")
    func sambaLog() {
        let log = """
            [2026/11/28 03:39:21.137540,  3] ../../source4/kdc/kdc-glue.c:1(kdc_log)
              Kerberos: AS-REQ ann@R from ipv4:127.0.0.1:5 for krbtgt/R@R
              Kerberos: AS-REQ ERR_PREAUTH_REQUIRED ipv4:127.0.0.1:5 ann@R krbtgt/R@R client-pa=150 elapsed=0.01
              Kerberos: AS-REQ SUCCESS ipv6:::1:6 ann\\ b@R krbtgt/R@R pa=ENC-TS etype=18/18
              Auth: [Kerberos KDC,ENC-TS Pre-authentication] user [(null)]\\[eve@R] at [..] status [NT_STATUS_ACCOUNT_DISABLED]
              Kerberos: AS-REQ UNKNOWN-0 ipv4:127.0.0.1:7 eve@R krbtgt/R@R pa=ENC-TS
              Kerberos: AS-REQ UNKNOWN-0 ipv4:127.0.0.1:7 eve@R krbtgt/R@R pa=ENC-TS
              Kerberos: TGS-REQ ERR_S_PRINCIPAL_UNKNOWN ipv4:127.0.0.1:8 ann@R mongodb/x@R elapsed=0 reason=Service principal unknown
              Kerberos: TGS-REQ authtime: 2026-11-28T03:33:40 starttime: unset endtime: x renew till: y
              Kerberos: AS-REQ cut
            """
        #expect(
            KDCEvent.ofSamba(log: log) == [
                KDCEvent(
                    .authentication, "127.0.0.1", .preauthenticationNeeded, "ann@R", "krbtgt/R@R", "PREAUTH_REQUIRED"),
                KDCEvent(.authentication, "::1", .issued, "ann\\ b@R", "krbtgt/R@R", nil),
                KDCEvent(.authentication, "127.0.0.1", .clientLocked, "eve@R", "krbtgt/R@R", "ACCOUNT_DISABLED"),
                KDCEvent(
                    .authentication, "127.0.0.1", .init(rawValue: "UNKNOWN-0"), "eve@R", "krbtgt/R@R", "UNKNOWN-0"),
                KDCEvent(
                    .ticketGranting, "127.0.0.1", .serverNotFoundByTicket, "ann@R", "mongodb/x@R", "Service"),
            ])
    }

    @Test(
        "Names that Active Directory has not are refused with its reason",
        arguments: [
            ("ann@MAIL.TEST", "another realm"), ("ann:b", "can be in an account's name"),
            ("EXAMPLE\\ann", "can be in an account's name"), ("/localhost", "service/host"),
            ("a/b/c/d", "service/host"),
            ("a-name-of-21-character", "20 characters"), ("ann.", "full stop"), (" ann", "blank"), ("", "service/host"),
        ])
    func refusedAccounts(name: String, reason: String) throws {
        let domain = try SambaDomain(
            .init(domain: nil, templates: "/tmp"), .init(), files: RealmFiles(folder: "/tmp/none"))
        let error = #expect(throws: KerberosTestKitError.self) { try domain.additions(NewPrincipal(name)) }
        #expect(
            error?.code == .invalidArgument && error?.message.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("A name with the realm behind it is the same name")
    func accountsOfTheRealm() throws {
        let domain = try SambaDomain(
            .init(domain: nil, templates: "/tmp"), .init(), files: RealmFiles(folder: "/tmp/none"))
        #expect(try domain.account(of: "ann@EXAMPLE.TEST") == "ann")
        #expect(try domain.account(of: "mongodb/localhost") == "mongodb/localhost")
    }

    @Test(
        "What Active Directory cannot be told is an error before anything starts",
        arguments: [
            (KerberosRealm.Configuration(realm: "EXAMPLE"), .invalidArgument, "two labels"),
            (KerberosRealm.Configuration(realm: "example.test"), .invalidArgument, "capitals"),
            (KerberosRealm.Configuration(realm: "SIXTEEN-LETTERS-.TEST"), .invalidArgument, "cannot be a realm"),
            (KerberosRealm.Configuration(realm: "SIXTEEN-LETTERSS.TEST"), .invalidArgument, "NetBIOS"),
            (KerberosRealm.Configuration(maximumLifetime: .seconds(600)), .unsupported, "whole hours"),
            (KerberosRealm.Configuration(encryptionTypes: ["aes256-cts-hmac-sha384-192"]), .unsupported, "no keys"),
        ] as [(KerberosRealm.Configuration, KerberosTestKitError.Code, String)])
    func refusedDomains(_ configuration: KerberosRealm.Configuration, code: KerberosTestKitError.Code, word: String) {
        var configuration = configuration
        configuration.backend = .samba()
        let error = #expect(throws: KerberosTestKitError.self) { try configuration.validate() }
        #expect(error?.code == code && error?.message.contains(word) == true, "\(String(describing: error))")
    }

    @Test(
        "Traits and options that are MIT's alone are errors",
        arguments: [
            NewPrincipal("ann", traits: [.notAService]), NewPrincipal("ann", traits: [.policy("strict")]),
            NewPrincipal("ann", traits: [.maximumLifetime(.seconds(60))]),
            NewPrincipal("ann", options: ["-kvno", "7"]),
            NewPrincipal("ann", traits: [.encryptionTypes(["des3-cbc-sha1"])]),
        ])
    func unsupportedTraits(principal: NewPrincipal) throws {
        let domain = try SambaDomain(
            .init(domain: nil, templates: "/tmp"), .init(), files: RealmFiles(folder: "/tmp/none"))
        let error = #expect(throws: KerberosTestKitError.self) { try domain.additions(principal) }
        #expect(error?.code == .unsupported)
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
