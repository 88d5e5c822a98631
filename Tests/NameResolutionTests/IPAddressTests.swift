import NameResolution
import Testing

@Suite struct IPAddressTests {
    struct Literal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        /// How it is printed, where that is not how it was written.
        var text: String?
    }

    private static func v6(_ groups: UInt16...) -> [UInt8] {
        groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    }

    /// RFC 5952 section 4 says how IPv6 addresses are printed.
    private static let literals: [Literal] = [
        Literal(testDescription: "127.0.0.1", bytes: [127, 0, 0, 1]),
        Literal(testDescription: "0.0.0.0", bytes: [0, 0, 0, 0]),
        Literal(testDescription: "255.255.255.255", bytes: [255, 255, 255, 255]),
        Literal(testDescription: "192.0.2.33", bytes: [192, 0, 2, 33]),
        Literal(testDescription: "::", bytes: v6(0, 0, 0, 0, 0, 0, 0, 0)),
        Literal(testDescription: "::1", bytes: v6(0, 0, 0, 0, 0, 0, 0, 1)),
        Literal(testDescription: "2001:db8::1", bytes: v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        Literal(testDescription: "2001:DB8:0:0::1", bytes: v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), text: "2001:db8::1"),
        Literal(
            testDescription: "2001:0db8:0000:0000:0000:0000:0000:0001",
            bytes: v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), text: "2001:db8::1"),
        // One group of zeros is not shortened, the longer run is, and of two equal ones the first.
        Literal(testDescription: "2001:db8:0:1:1:1:1:1", bytes: v6(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1)),
        Literal(testDescription: "2001:0:0:1::1", bytes: v6(0x2001, 0, 0, 1, 0, 0, 0, 1)),
        Literal(
            testDescription: "2001:db8:0:0:1:0:0:1", bytes: v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1),
            text: "2001:db8::1:0:0:1"),
        Literal(testDescription: "::ffff:192.0.2.1", bytes: v6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201)),
        Literal(testDescription: "fe80::1", bytes: v6(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
        Literal(testDescription: "ff02::fb", bytes: v6(0xff02, 0, 0, 0, 0, 0, 0, 0xfb)),
    ]

    @Test(arguments: literals)
    func readsAndPrints(_ literal: Literal) throws {
        let address = try #require(IPAddress(literal.testDescription))
        #expect(address.bytes == literal.bytes)
        #expect(address.scopeID == 0)
        #expect(address.family == (literal.bytes.count == 4 ? .ipv4 : .ipv6))
        #expect(address.description == literal.text ?? literal.testDescription)
        #expect(IPAddress(address.description) == address)
        #expect(IPAddress(bytes: literal.bytes) == address)
    }

    @Test(arguments: [
        "", " ", "localhost", "1", "127.1", "127.0.0", "127.0.0.1.", "127.0.0.1.1", "127.0.0.256", "0x7f.0.0.1",
        "127.0.0.1 ", " 127.0.0.1", "127.0.0.1:27017", "127.0.0.1/8", "-1.0.0.0", "١٢٧.0.0.1", "[::1]", ":", ":::",
        "1::2::3", "::12345", "::g", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1 ", "::1/64", "%", "%lo", "::256.0.0.1",
    ])
    func refusesEverythingElse(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    /// A C function would stop reading at a NUL.
    @Test func aNULEndsNothing() {
        for text in ["127.0.0.1\0", "127.0.0.1\0.example.com", "::1\0", "::1\0x", "fe80::1%1\0", "fe80::1%lo\0x", "\0"]
        {
            #expect(IPAddress(text) == nil, "\(text.debugDescription)")
        }
    }

    // MARK: - Zones

    @Test func aZoneIsAnInterfaceByNameOrNumber() throws {
        let loopback = try #require(["lo", "lo0"].compactMap { IPAddress("fe80::1%\($0)") }.first)
        #expect(loopback.scopeID > 0)
        #expect(loopback.family == .ipv6)
        #expect(loopback.description == "fe80::1%\(loopback.scopeID)")
        #expect(IPAddress(loopback.description) == loopback)
        #expect(loopback != IPAddress("fe80::1"))
        #expect(IPAddress(bytes: loopback.bytes, scopeID: loopback.scopeID) == loopback)
    }

    @Test(arguments: [
        "fe80::1%", "fe80::1%0", "fe80::1%no-such-interface", "fe80::1%lo%lo", "fe80::1%4294967296", "fe80::1%-1",
        "fe80::1%+1", "fe80::1%4000000000", "127.0.0.1%lo", "127.0.0.1%1", "127.0.0.1%",
    ])
    func aZoneThatIsNotHereIsRefused(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    // MARK: - Bytes

    @Test func lengthsOtherThanFourAndSixteenAreRefused() {
        for count in 0...33 {
            let bytes = Array(repeating: UInt8(1), count: count)
            #expect((IPAddress(bytes: bytes) != nil) == (count == 4 || count == 16))
            #expect((IPAddress(bytes: bytes, scopeID: 1) != nil) == (count == 16))
        }
    }

    @Test func anAddressIsItsBytesInItsScope() {
        let bytes = Array(repeating: UInt8(0xfe), count: 16)
        #expect(IPAddress(bytes: bytes) != IPAddress(bytes: bytes, scopeID: 1))
        #expect(IPAddress(bytes: [127, 0, 0, 1]) != IPAddress("::ffff:127.0.0.1"))
    }

    @Test func families() {
        #expect(IPAddress.Family.allCases.map(\.description) == ["IPv4", "IPv6"])
    }
}
