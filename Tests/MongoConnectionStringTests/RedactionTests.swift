import SaslConnectionString
import Testing

@Suite("Secrets stay secret") struct RedactionTests {
    private static func everyForm(of value: Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) \(String(reflecting: value)) \(dumped)"
    }

    @Test(
        "in every printed form",
        arguments: [
            "mongodb://u:HUNTER2@h",
            "mongodb://u:HUNTER%32@h/?authMechanism=PLAIN",
            "mongodb://h/?tlsCertificateKeyFilePassword=HUNTER2",
            "mongodb://h/?proxyHost=h&proxyUsername=u&proxyPassword=HUNTER2",
            "mongodb://k:s@h/?authMechanism=MONGODB-AWS&authMechanismProperties=aws_session_token:HUNTER2",
            "mongodb://h/?authMechanismProperties=OTHER:HUNTER2",
            "mongodb://h/?tlsCertificateKeyFilePasword=HUNTER2",
            "mongodb://h/?maxPoolSize=HUNTER2",
            "mongodb://h/?readPreference=HUNTER2",
            "mongodb://h/?compressors=HUNTER2",
        ]) func printed(_ text: String) throws
    {
        let string = try MongoConnectionString(parsing: text)
        let values: [Any] = [
            string, string.options, string.credential as Any, string.warnings, string.options.entries,
            string.options.authMechanismProperties as Any, string.options.authMechanismProperties?.properties as Any,
        ]
        for value in values { #expect(!Self.everyForm(of: value).contains("HUNTER2")) }
    }

    @Test(
        "in every error",
        arguments: [
            "u:HUNTER2@h", "mongodb:/u:HUNTER2@h", "mongodb://u:HUNTER2@h:x", "mongodb://u:HUNTER2@@h",
            "mongodb://u:HUNTER2:@h", "mongodb://u:HUNTER2%@h", "mongodb://u:HUNTER2/@h", "mongodb://u:HUNTER2?@h",
            "mongodb://u:HUNTER2", "mongodb://u/HUNTER2@h", "mongodb://u?HUNTER2@h", "mongodb://u?HUNTER2=@h",
            "mongodb://u:1/HUNTER2@h/db", "mongodb://HUNTER2%@h", "mongodb://u:HUNTER2@h\n", "mongodb://u HUNTER2",
            "mongodb://[HUNTER2]", "mongodb://[::1]HUNTER2", "mongodb://[::1%25/HUNTER2]", "mongodb://%2FHUNTER2",
            "mongodb://h/HUNTER2/", "mongodb://h/$HUNTER2", "mongodb://h/?HUNTER2", "mongodb://h/?=HUNTER2",
            "mongodb://h/?authMechanism=HUNTER2", "mongodb://u@h/?authMechanism=GSSAPI&authSource=HUNTER2",
            "mongodb://u:p@h/?authMechanismProperties=HUNTER2:HUNTER2", "mongodb://h/?w=-2&appName=HUNTER2",
            "mongodb://h/?tlsCertificateKeyFilePassword=HUNTER2%",
            "mongodb://h/?appName=a;tlsCertificateKeyFilePassword=HUNTER2",
            "mongodb://h/?proxyPassword=HUNTER2", "mongodb://u:HUNTER2@h/?authMechanism=MONGODB-X509",
        ]) func errors(_ text: String) throws
    {
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(!Self.everyForm(of: error).contains("HUNTER2"))
    }

    @Test("what is shown instead") func canonicalForm() throws {
        let string = try MongoConnectionString(
            parsing: "mongodb://a%40B:p@H2:1,h1/db?w=1&nope=2&AppName=x%26y&tlsCertificateKeyFilePassword=z")
        let expected =
            "mongodb://a%40B:<redacted>@h2:1,h1/db?appName=x%26y&tlsCertificateKeyFilePassword=<redacted>&w=1"
        #expect(string.description == expected)
        #expect(string.debugDescription == expected)
    }

    @Test("an unknown property's name is escaped like any other text") func nameOfUnknownProperty() throws {
        let string = try MongoConnectionString(
            parsing: "mongodb://h/?authMechanismProperties=%1B%5B2J%26w=1:HUNTER2,SERVICE_NAME:%1B")
        #expect(
            string.description
                == "mongodb://h/?authMechanismProperties=%1B%5B2J%26W%3D1:<redacted>,SERVICE_NAME:%1B")
    }

    @Test("entries hold no secret, not even as data") func entries() throws {
        let string = try MongoConnectionString(
            parsing: "mongodb://k:s@h/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:HUNTER2")
        let entry = try #require(string.options.entries.first { $0.name == "authMechanismProperties" })
        guard case .properties(let properties) = entry.value else {
            Issue.record("not properties: \(entry)")
            return
        }
        #expect(properties["AWS_SESSION_TOKEN"] == "<redacted>")
        #expect(string.credential?.mechanismProperties["AWS_SESSION_TOKEN"] == "HUNTER2")
    }

    @Test("equality sees the secret") func equality() throws {
        let one = try MongoConnectionString(parsing: "mongodb://u:one@h")
        let other = try MongoConnectionString(parsing: "mongodb://u:other@h")
        #expect(one != other)
        #expect(one.description == other.description)
    }
}
