import Testing

@testable import MongoTransport

/// The parser of revocation lists with malformed bytes. `RevocationTests` has OpenSSL's lists.
@Suite struct RevocationListTests {
    private static func der(_ tag: UInt8, _ content: [UInt8]...) -> [UInt8] {
        let body = content.flatMap(\.self)
        precondition(body.count < 65_536)
        let length: [UInt8] =
            switch body.count {
            case ..<128: [UInt8(body.count)]
            case ..<256: [0x81, UInt8(body.count)]
            default: [0x82, UInt8(body.count >> 8), UInt8(body.count & 0xFF)]
            }
        return [tag] + length + body
    }

    private static let issuer = der(0x30, der(0x31, der(0x30, [6, 3, 85, 4, 3], der(0x0C, Array("CA".utf8)))))
    private static func time(_ text: String) -> [UInt8] { der(0x18, Array("\(text)000000Z".utf8)) }
    private static let algorithm = der(0x30, [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2])

    private static func entry(_ serial: [UInt8], _ extensions: [UInt8] = []) -> [UInt8] {
        der(0x30, serial, time("20200101"), extensions)
    }

    private static func list(
        _ entries: [[UInt8]], from start: String = "20250101", to end: String? = "20300101", extensions: [UInt8] = []
    ) -> [UInt8] {
        let revoked = entries.isEmpty ? [] : der(0x30, entries.flatMap(\.self))
        let tail = extensions.isEmpty ? [] : der(0xA0, der(0x30, extensions))
        return der(
            0x30, der(0x30, [2, 1, 1], algorithm, issuer, time(start), end.map(time) ?? [], revoked, tail), algorithm,
            der(3, [0, 1]))
    }

    private static func certificate(_ serial: [UInt8]) -> [UInt8] {
        der(
            0x30,
            der(0x30, der(0xA0, [2, 1, 2]), serial, algorithm, issuer, der(0x30, time("20250101"), time("20300101"))))
    }

    private static let serial: [UInt8] = [2, 2, 0x12, 0x34]
    /// 2026-11-28.
    private static let now: Int64 = 1_795_824_000

    private static func finding(_ lists: [UInt8], _ certificate: [UInt8] = certificate(serial)) throws
        -> RevocationLists.Finding
    {
        try RevocationLists(contents: lists).finding(for: certificate, at: now)
    }

    @Test func entriesAreFound() throws {
        #expect(try Self.finding(Self.list([])) == .good)
        #expect(try Self.finding(Self.list([Self.entry([2, 1, 5])])) == .good)
        #expect(
            try Self.finding(Self.list([Self.entry([2, 1, 5]), Self.entry(Self.serial)])) == .revoked(1_577_836_800))
        #expect(try Self.finding(Self.list([Self.entry(Self.serial)], to: nil)) == .revoked(1_577_836_800))
        #expect(try Self.finding(Self.list([], to: "20260101")) == .outdated(1_767_225_600))
        #expect(try Self.finding(Self.list([], from: "20280101")) == .notYetValid(1_830_297_600))
        // A reason, which is not critical: taken back, and a list that is whole would not have it.
        let reason = Self.der(0x30, Self.der(0x30, [6, 3, 85, 29, 21], Self.der(4, [10, 1, 8])))
        #expect(try Self.finding(Self.list([Self.entry(Self.serial, reason)])) == .revoked(1_577_836_800))
    }

    private static let critical: [UInt8] = [1, 1, 0xFF]
    private static let unfit: [(name: String, bytes: [UInt8])] = [
        ("another type of serial number", list([entry([4, 2, 0x12, 0x34])])),
        ("a zero before it", list([entry([2, 3, 0, 0x12, 0x34])])),
        ("ones before it", list([entry([2, 3, 0xFF, 0x92, 0x34])])),
        ("an empty serial number", list([entry([2, 0])])),
        ("no date", list([der(0x30, serial)])),
        ("another date", list([der(0x30, serial, [2, 1, 1])])),
        (
            "the issuer of an entry",
            list([entry(serial, der(0x30, der(0x30, [6, 3, 85, 29, 29], critical, der(4, issuer))))])
        ),
        ("changes only", list([], extensions: der(0x30, [6, 3, 85, 29, 27], der(4, [2, 1, 1])))),
        ("some certificates only", list([], extensions: der(0x30, [6, 3, 85, 29, 28], der(4, [0x30, 0])))),
        (
            "an unknown extension that is critical",
            list([], extensions: der(0x30, [6, 3, 85, 29, 99], critical, der(4)))
        ),
        ("nothing in it", [0x30, 0]), ("an endless length", [0x30, 0x80, 0, 0]), ("cut", Array(list([]).dropLast())),
        ("more behind it", list([]) + [0]), ("a certificate", certificate(serial)),
        ("a length beyond the end", [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]),
    ]

    @Test(arguments: unfit.map(\.name))
    func whatIsInDoubtIsRefused(name: String) throws {
        let bytes = try #require(Self.unfit.first { $0.name == name }?.bytes)
        let error = #expect(throws: PEMFile.Failure.self) { try RevocationLists(contents: bytes) }
        #expect(error?.description.hasPrefix("it holds a revocation list that cannot be used") == true)
    }

    @Test func aCertificateThatCannotBeReadIsNotGood() {
        for bytes: [UInt8] in [
            [], [0x30, 0], [0x30, 2, 0x30, 0], Self.certificate([4, 1, 1]), Self.certificate([2, 0]),
        ] {
            #expect(throws: (any Error).self) { try Self.finding(Self.list([]), bytes) }
        }
    }
}
