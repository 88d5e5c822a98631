import ModuleTestSupport
import NIOSSL
import NameResolution
import TestSupport
import Testing

@testable import MongoTransport

/// The parts of TLS that need no socket.
@Suite struct TLSPartsTests {
    // MARK: - First bytes

    private static func hello(sessionID: Int, suite: UInt16) -> [UInt8] {
        [22, 3, 3, 0, 100, 2, 0, 0, 96, 3, 3] + [UInt8](repeating: 0, count: 32) + [UInt8(sessionID)]
            + [UInt8](repeating: 1, count: sessionID) + [UInt8(suite >> 8), UInt8(suite & 0xFF), 0]
    }

    @Test(arguments: [(0, 0xC02B), (32, 0x1301), (8, 0xCCA9)] as [(Int, UInt16)])
    func aServerHelloTellsTheCipherSuite(sessionID: Int, suite: UInt16) {
        let bytes = Self.hello(sessionID: sessionID, suite: suite)
        // However the network cuts it.
        for piece in 1...bytes.count {
            var reader = ServerHelloReader()
            for start in stride(from: 0, to: bytes.count, by: piece) {
                reader.read(bytes[start..<min(start + piece, bytes.count)])
                #expect(!reader.isForeign)
            }
            #expect(reader.cipherSuite == suite)
        }
        // A part of it tells nothing, and breaks nothing.
        for count in 0..<(bytes.count - 1) {
            var reader = ServerHelloReader()
            reader.read(bytes[..<count])
            #expect(reader.cipherSuite == nil)
            #expect(reader.isEmpty == (count == 0))
        }
    }

    @Test func aSessionThatIsTooLongTellsNothing() {
        var reader = ServerHelloReader()
        reader.read(Self.hello(sessionID: 255, suite: 0x1301))
        #expect(reader.cipherSuite == nil)
        #expect(reader.bytes.count == 128)
    }

    @Test(
        arguments: [
            ([21], false), ([22, 3], false), ([22, 2], true), ([19], true), ([25], true), ([72, 84, 84, 80], true),
            ([], false),
        ] as [([UInt8], Bool)])
    func whatIsNotTLS(bytes: [UInt8], isForeign: Bool) {
        var reader = ServerHelloReader()
        reader.read(bytes)
        #expect(reader.isForeign == isForeign)
    }

    @Test func cipherSuitesHaveTheirNames() {
        #expect(ServerHelloReader.name(of: 0x1302) == "TLS_AES_256_GCM_SHA384")
        #expect(ServerHelloReader.name(of: 0xFEED) == "0xFEED")
    }

    // MARK: - Names

    @Test(arguments: [
        ("db.test", "db.test", true), ("DB.test", "db.TEST", true), ("db.test", "db.test.", true),
        ("a.b.test", "*.b.test", true), ("b.test", "*.b.test", false), ("x.a.b.test", "*.b.test", false),
        ("a.test", "*.test", false), ("test", "*", false), ("ab.b.test", "a*.b.test", false),
        ("a.b.test", "a.*.test", false), ("xn--a.b.test", "*.b.test", false), ("xn--a.b.test", "xn--a.b.test", true),
        ("db.test", "", false), ("db.test", ".", false), ("db.test", "db", false), ("db", "db", true),
        // An underscore is no sign of a host, so that no wildcard stands for it, and exact names are what they are.
        ("my_mongo", "my_mongo", true), ("my_mongo.b.test", "my_mongo.b.test", true),
        ("my_mongo.b.test", "*.b.test", false),
        ("a.b_c.test", "*.b_c.test", true),
        // What Unicode calls equivalent is not the same name.
        ("k.test", "\u{212A}.test", false), ("a.b.test", "*\u{301}.b.test", false),
        ("\u{E9}.test", "e\u{301}.test", false),
    ])
    func namesMatch(name: String, pattern: String, matches: Bool) {
        #expect(ServerIdentity.matches(name, pattern) == matches)
    }

    @Test(
        arguments: [
            (ServerEndpoint.host("db.test", port: 1), "db.test"), (.host("db.test.", port: 1), "db.test"),
            (.host("127.0.0.1", port: 1), nil), (.host("::1", port: 1), nil), (.host("fe80::1%1", port: 1), nil),
            (.host(".", port: 1), nil), (.unixSocket(path: "/x"), nil),
        ] as [(ServerEndpoint, String?)])
    func addressesAreNoServerNames(endpoint: ServerEndpoint, name: String?) {
        #expect(ServerIdentity(endpoint).serverName == name)
    }

    // MARK: - Dates

    @Test(
        arguments: [
            (0, "1970-01-01"), (86_399, "1970-01-01"), (86_400, "1970-01-02"), (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"), (951_868_800, "2000-03-01"), (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"), (-62_167_219_200, "0-01-01"),
        ] as [(Int64, String)])
    func dates(seconds: Int64, text: String) {
        #expect("\(UTCDate(seconds))" == text)
    }

    @Test func datesAndSecondsAreInverse() {
        for day in stride(from: -800_000, through: 3_000_000, by: 97) {
            let seconds = Int64(day) * 86_400
            let date = UTCDate(seconds)
            #expect(UTCDate.seconds(year: Int(date.year), month: Int(date.month), day: Int(date.day)) == seconds)
        }
        #expect(UTCDate.seconds(year: 1970, month: 1, day: 1, hours: 1, minutes: 2, seconds: 3) == 3723)
    }

    // MARK: - Certificates

    /// Whatever a peer sends as a certificate must not cause a crash.
    @Test func damagedCertificatesAreErrors() async throws {
        let authority = try await TestAuthority.shared
        let certificate = try NIOSSLCertificate(bytes: authority.contents("elaborate.crt"), format: .pem)
        let bytes = try certificate.toDERBytes()
        #expect(try PeerCertificate(der: bytes).subject.hasPrefix("CN=db.test"))
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) { try PeerCertificate(der: Array(bytes[..<count])) }
        }
        var refused = 0
        for index in bytes.indices {
            for change: UInt8 in [0x01, 0x1F, 0x80] {
                var damaged = bytes
                damaged[index] ^= change
                if (try? PeerCertificate(der: damaged)) == nil { refused += 1 }
            }
        }
        #expect(refused > 0 && refused < 3 * bytes.count)
    }

    /// RFC 5929 section 4.1, as OpenSSL computes it. `SASLSCRAM` gives the same for these.
    @Test(arguments: CertificateCase.all)
    func theServerEndPoint(_ one: CertificateCase) throws {
        let certificate = try PeerCertificate(der: one.bytes)
        #expect(certificate.serverEndPoint.map(CertificateCase.hexadecimal) == one.hash)
    }

    @Test func certificatesOfAllSignatures() {
        #expect(CertificateCase.all.count == 14)
    }

    // MARK: - BoringSSL's reasons

    /// The numbers are read from texts of another package: this fails when they change.
    @Test func reasonsAreReadFromNIOSSLsErrors() {
        #expect(BoringSSLReason(NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake]))) == nil)
        #expect(BoringSSLReason(NIOSSLError.uncleanShutdown) == nil)
        #expect(BoringSSLReason(CancellationError()) == nil)
        #expect(BoringSSLReason(BoringSSLError.sslError([])) == nil)
    }

    @Test func alerts() {
        #expect("\(TLSAlert.certificateRequired)" == "certificate_required")
        #expect("\(TLSAlert(rawValue: 255))" == "alert 255")
        #expect([41, 42, 43, 44, 45, 46, 48, 49].allSatisfy { TLSAlert(rawValue: $0).isAboutCertificate })
        #expect([40, 47, 70, 116].allSatisfy { !TLSAlert(rawValue: $0).isAboutCertificate })
    }
}
