import Foundation
import GSSKerberos
import Glibc
import TestSupport
import Testing

/// The lines of configuration files, as libkrb5 reads them: it reports an error, and we report where.
@Suite struct ConfigurationTests {
    /// A file's text and the line that is wrong, if any. Whether one is, libkrb5 decides.
    private static let rows: [(text: String, line: Int?)] = [
        ("", nil), ("[a]\n b = c\n", nil), ("words before\n[a]\n b = c\n", nil), (" [a]\n no sign\n", nil),
        ("[a]\n no sign\n", 2), ("[a]\n b c = d\n", 2), ("[a]\n = d\n", 2), ("[a] # comment\n b = c\n", 1),
        ("[a]*\n b = c\n", nil), ("[a] \n b = c\n", nil), ("[a\n", 1), ("[a]\n }\n", 2),
        ("[a]\n X = {\n b = c\n }\n", nil), ("[a]\n X = { \n b = c\n } junk\n", nil), ("[a]\n X = {\n b = c\n", nil),
        ("[a]\n X = {\n [b]\n", 3), ("[a]\n X =\n {\n b = c\n }\n", nil), ("[a]\n X =\n\n {\n b = c\n }\n", 3),
        ("[a]\n X = { # comment\n b = c\n }\n", 4), ("[a]\n b =\n c = d\n", 3), ("[a]\n b = #\n c = d\n", nil),
        ("[a]\n b* = c\n", nil), ("[a]\n b = \"c\n", nil), ("[a]\n # c\n ; d\n\n b = c\n", nil),
        ("[a]\r\n b = c\r\n X = {\r\n d = e\r\n }\r\n", nil), ("[a]\n b\t = c\n", nil), ("[a]\n include x\n", 2),
        ("[a]\n b = \(String(repeating: "c", count: 3000))\n", 2),
        ("[a]\n b = c\u{0}d\n", nil), ("[a]\n b\u{301}= c\n", nil), ("[a]\n b = c\n}\u{301}\n", 3),
    ]

    @Test func theLineThatIsWrong() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lines-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        await #expect(processExitsWith: .success) { [folder = folder as String] in
            for (index, row) in Self.rows.enumerated() {
                let path = "\(folder)/\(index).conf"
                try row.text.write(toFile: path, atomically: true, encoding: .utf8)
                setenv("KRB5_CONFIG", path, 1)
                let configuration = KerberosConfiguration.current()
                let file = try #require(configuration.files.first)
                #expect(file.path == path && configuration.files.count == 1)
                #expect((configuration.problem == nil) == (row.line == nil), "\(row)")
                switch file.state {
                case .read: #expect(row.line == nil, "\(row)")
                case .malformed(let line, _): #expect(line == row.line, "\(row) \(file)")
                default: Issue.record("\(row) \(file)")
                }
            }
        }
    }

    /// The first value counts, whatever file it is in, and its place is told.
    @Test func whereASettingComesFrom() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("files-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/parts", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let texts = [
            "parts/b.conf": "[libdefaults]\n default_realm = B.TEST\n clockskew = 17\n",
            "parts/not~read": "[libdefaults\n",
            "one.conf":
                "includedir \(folder)/parts\n[libdefaults]\n default_realm = ONE.TEST\n forwardable = \"true\"\n",
            "two.conf": "[libdefaults]\n\n rdns = false\n forwardable = false\n",
        ]
        for (name, text) in texts { try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
        await #expect(processExitsWith: .success) { [folder = folder as String] in
            setenv("KRB5_CONFIG", "\(folder)/one.conf:\(folder)/nowhere.conf:\(folder)/two.conf", 1)
            let configuration = KerberosConfiguration.current()
            #expect(configuration.problem == nil)
            #expect(
                configuration.files.map(\.path)
                    == ["one.conf", "parts/b.conf", "nowhere.conf", "two.conf"].map {
                        "\(folder)/\($0)"
                    })
            #expect(configuration.files.map(\.state) == [.read, .read, .missing, .read])
            #expect(configuration.files[1].includedAt == 1)
            func place(_ name: String) -> [String?] {
                let setting = configuration.settings.first { $0.name == name }
                return [setting?.name, setting?.value, setting?.file, setting?.line.map { "\($0)" }]
            }
            #expect(place("default_realm") == ["default_realm", "B.TEST", "\(folder)/parts/b.conf", "2"])
            #expect(place("clockskew") == ["clockskew", "17", "\(folder)/parts/b.conf", "3"])
            #expect(place("forwardable") == ["forwardable", "true", "\(folder)/one.conf", "4"])
            #expect(place("rdns") == ["rdns", "false", "\(folder)/two.conf", "3"])
            #expect(place("allow_rc4") == ["allow_rc4", nil, nil, nil])
            #expect(configuration.defaultRealm == "B.TEST" && configuration.allowedClockSkew == .seconds(17))
        }
    }
}
