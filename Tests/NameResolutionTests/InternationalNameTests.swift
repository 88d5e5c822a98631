import NameResolution
import Testing

/// Host names beyond ASCII as A-labels (RFC 5890).
@Suite struct InternationalNameTests {
    /// Names of RFC 3492 section 7.1, and of hosts that exist.
    @Test(arguments: [
        ("db.example.com", "db.example.com"), ("DB.Example.com", "DB.Example.com"), ("", ""),
        ("münchen.example", "xn--mnchen-3ya.example"), ("MÜNCHEN.Example", "xn--mnchen-3ya.example"),
        ("mu\u{308}nchen.example", "xn--mnchen-3ya.example"), ("bücher.example.", "xn--bcher-kva.example."),
        ("straße.test", "xn--strae-oqa.test"), ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
        ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"), ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"), ("실례.테스트", "xn--9n2bp8q.xn--9t4b11yi5a"),
        ("उदाहरण.परीक्षा", "xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"), ("مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv"),
        ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"), ("ｄｂ．test", "db.test"), ("da\u{AD}tenbänk", "xn--datenbnk-5za"),
        ("_mongodb._tcp.bücher.test", "_mongodb._tcp.xn--bcher-kva.test"),
    ])
    func labels(name: String, expected: String) throws {
        #expect(try InternationalName.ascii(name) == expected)
    }

    @Test(arguments: [
        "☃.test", "a b\u{E9}.test", "-\u{E9}.test", "\u{E9}-.test", "\u{301}a.test", "\u{AD}.test", "\u{E9}/x.test",
        "\u{E9}@x.test", "\u{E9}\u{202E}x.test", String(repeating: "ü", count: 60) + ".test",
        String(repeating: "ü.", count: 84),
    ])
    func whatIsNoHostIsRefused(name: String) {
        let error = #expect(throws: NameResolutionError.self) { try InternationalName.ascii(name) }
        #expect(error?.code == .invalidName)
    }
}
