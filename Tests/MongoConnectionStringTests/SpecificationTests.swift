import SaslConnectionString
import SecretMemory
import Testing

@Suite("The specifications' own cases")
struct SpecificationTests {
    @Test("the tables are there") func tables() throws {
        #expect(try SpecificationCase.load("syntax.json").count == 98)
        #expect(try SpecificationCase.load("options.json").count == 177)
        #expect(try SpecificationCase.load("credentials.json").count == 67)
    }

    @Test("syntax", arguments: try SpecificationCase.load("syntax.json")) func syntax(_ test: SpecificationCase) throws
    {
        try check(test)
    }

    @Test("options", arguments: try SpecificationCase.load("options.json")) func options(_ test: SpecificationCase)
        throws
    {
        try check(test)
    }

    @Test("credentials", arguments: try SpecificationCase.load("credentials.json")) func credentials(
        _ test: SpecificationCase
    ) throws {
        guard test.valid else {
            #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: test.uri) }
            return
        }
        let credential = try MongoConnectionString(parsing: test.uri).credential
        guard let expected = test.credential else {
            #expect(credential == nil)
            return
        }
        let found = try #require(credential)
        #expect(found.username == expected.username)
        #expect(found.password == expected.password.map { Secret($0) })
        #expect(found.source == expected.source)
        #expect(found.mechanism?.rawValue == expected.mechanism)
        #expect(found.mechanismProperties.properties.count == expected.properties.count)
        for (name, value) in expected.properties { #expect(found.mechanismProperties[name] == value) }
    }

    private func check(_ test: SpecificationCase) throws {
        guard test.valid else {
            #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: test.uri) }
            return
        }
        let string = try MongoConnectionString(parsing: test.uri)
        if let warning = test.warning { #expect(!string.warnings.isEmpty == warning, "\(string.warnings)") }
        if let hosts = test.hosts {
            let found = string.hosts.map {
                SpecificationCase.Host(type: $0.kind.rawValue, host: $0.name, port: $0.port)
            }
            let expected = hosts.map {
                SpecificationCase.Host(type: $0.type, host: $0.host, port: $0.port ?? 27017)
            }
            #expect(found == expected)
        }
        if let auth = test.auth {
            if let username = auth.username { #expect(string.credential?.username == username) }
            if let password = auth.password { #expect(string.credential?.password == Secret(password)) }
            if let database = auth.db { #expect(string.database == database) }
        }
        for (name, value) in test.options ?? [:] {
            let entry = string.options.entries.first { $0.name.lowercased() == name.lowercased() }
            let found = try #require(entry, "\(name) is missing").value
            if case .redacted = found {
                let password = try #require(string.options.tlsCertificateKeyFilePassword)
                #expect(value == .text(password.withBytes { String(decoding: $0, as: UTF8.self) }))
            } else {
                #expect(JSONValue(found) == value)
            }
        }
    }

    static func withoutSecrets() throws -> [SpecificationCase] {
        try ["syntax.json", "options.json"].flatMap(SpecificationCase.load).filter { test in
            guard let string = try? MongoConnectionString(parsing: test.uri) else { return false }
            return !string.description.contains("<redacted>")
        }
    }

    @Test("what is printed parses to the same value", arguments: try withoutSecrets())
    func roundTrip(_ test: SpecificationCase) throws {
        let string = try MongoConnectionString(parsing: test.uri)
        let again = try MongoConnectionString(parsing: string.description)
        #expect(again.hosts == string.hosts)
        #expect(again.database == string.database)
        #expect(again.options == string.options)
        #expect(again.credential == string.credential)
        #expect(again.description == string.description)
    }

    /// Every prefix of every string of the tables, and every string with one byte made special.
    @Test("torn and twisted strings parse or throw, with a place inside them") func mutations() throws {
        let uris = try ["syntax.json", "options.json", "credentials.json"].flatMap(SpecificationCase.load).map(\.uri)
        var (parsed, refused) = (0, 0)
        for (index, uri) in uris.enumerated() {
            let bytes = Array(uri.utf8)
            for position in bytes.indices {
                var twisted = bytes
                twisted[position] = Array("%@:/?&=,[;\0é".utf8)[(index + position) % 13]
                for mutant in [Array(bytes[..<position]), twisted] {
                    let text = String(decoding: mutant, as: UTF8.self)
                    do throws(ConnectionStringError) {
                        let string = try MongoConnectionString(parsing: text)
                        parsed += 1
                        if string.hosts.isEmpty { Issue.record("no hosts: \(text)") }
                    } catch {
                        refused += 1
                        if !(0...text.utf8.count).contains(error.offset) { Issue.record("\(error): \(text)") }
                    }
                }
            }
        }
        #expect(parsed > 1000)
        #expect(refused > 1000)
    }
}
