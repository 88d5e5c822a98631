import SaslConnectionString
import SecretMemory
import Testing

@Suite("Options") struct OptionTests {
    typealias Options = MongoConnectionString.Options

    static func parse(_ options: String, _ host: String = "mongodb://h/") throws -> MongoConnectionString {
        try MongoConnectionString(parsing: "\(host)?\(options)")
    }

    @Test(
        "integers keep to their ranges",
        arguments: [
            ("connectTimeoutMS", 0, 2_147_483_647), ("heartbeatFrequencyMS", 500, 2_147_483_647),
            ("localThresholdMS", 0, 2_147_483_647), ("maxAdaptiveRetries", 0, 2_147_483_647),
            ("maxConnecting", 1, 2_147_483_647), ("maxIdleTimeMS", 0, 2_147_483_647), ("maxPoolSize", 0, 2_147_483_647),
            ("minPoolSize", 0, 2_147_483_647), ("serverSelectionTimeoutMS", 1, 2_147_483_647),
            ("socketTimeoutMS", 0, 2_147_483_647), ("timeoutMS", 0, 2_147_483_647),
            ("waitQueueTimeoutMS", 1, 2_147_483_647), ("zlibCompressionLevel", -1, 9),
        ]) func ranges(_ name: String, _ least: Int, _ most: Int) throws
    {
        for number in [least, most] {
            let string = try Self.parse("\(name)=\(number)")
            #expect(string.options.entries == [Options.Entry(name: name, value: .integer(number))])
            #expect(string.warnings.isEmpty)
        }
        for text in ["\(least - 1)", "\(most + 1)", "1.5", "0x1", "+600", "600ms", " 600", "99999999999999999999"] {
            let string = try Self.parse("\(name)=\(text)")
            #expect(string.options.entries.isEmpty, "\(text)")
            #expect(string.warnings.map(\.option) == [name], "\(text)")
        }
    }

    @Test(
        "what is behind a semicolon is not left out",
        arguments: [
            ("authMechanism=PLAIN&amp;tls=true", "HTML"), ("tls=true&amp;authMechanism=PLAIN", "HTML"),
            ("authMechanism=PLAIN&x;tls=true", "not by ';'"), ("authMechanism=PLAIN;tls=true", "not by ';'"),
        ]) func semicolons(_ options: String, _ words: String)
    {
        let error = #expect(throws: ConnectionStringError.self) {
            try Self.parse(options, "mongodb://ann:pw@h/")
        }
        #expect(error?.message.contains(words) == true && error?.part == "options")
    }

    @Test("wTimeoutMS has 64 bits") func longTimeout() throws {
        #expect(try Self.parse("wTimeoutMS=9223372036854775807").options.wTimeoutMS == .max)
        #expect(try Self.parse("wTimeoutMS=9223372036854775808").options.wTimeoutMS == nil)
    }

    @Test("maxStalenessSeconds", arguments: [("-1", -1), ("90", 90), ("89", nil), ("0", nil), ("-2", nil), ("x", nil)])
    func staleness(_ text: String, _ expected: Int?) throws {
        let string = try Self.parse("readPreference=nearest&maxStalenessSeconds=\(text)")
        #expect(string.options.maxStalenessSeconds == expected)
        #expect(string.warnings.isEmpty == (expected != nil))
    }

    @Test(
        "Booleans",
        arguments: [
            ("true", true, false), ("false", false, false), ("1", true, true), ("yes", true, true), ("y", true, true),
            ("t", true, true), ("0", false, true), ("-1", false, true), ("no", false, true), ("n", false, true),
            ("f", false, true), ("TRUE", true, true), ("False", false, true), ("on", nil, true), ("", nil, true),
        ]) func booleans(_ text: String, _ expected: Bool?, _ warns: Bool) throws
    {
        let string = try Self.parse("retryWrites=\(text)")
        #expect(string.options.retryWrites == expected)
        #expect(!string.warnings.isEmpty == warns)
    }

    @Test("every option in one string, whatever its case") func everyOption() throws {
        let text = """
            APPNAME=a%20b&authmechanism=SCRAM-SHA-256&authSource=s&compressors=zstd,zlib&connectTimeoutMS=1&\
            directConnection=false&enableOverloadRetargeting=true&heartbeatFrequencyMS=500&journal=true&\
            loadBalanced=false&localThresholdMS=2&maxAdaptiveRetries=3&maxConnecting=4&maxIdleTimeMS=5&maxPoolSize=6&\
            maxStalenessSeconds=90&minPoolSize=1&proxyHost=p&proxyPassword=pp&proxyPort=1081&proxyUsername=pu&\
            readConcernLevel=local&readPreference=nearest&readPreferenceTags=a:b,c:d&readPreferenceTags=&replicaSet=rs&\
            retryReads=true&retryWrites=false&serverMonitoringMode=poll&serverSelectionTimeoutMS=7&\
            serverSelectionTryOnce=true&socketTimeoutMS=8&srvMaxHosts=0&srvServiceName=my-svc&timeoutMS=9&tls=true&\
            tlsAllowInvalidHostnames=true&tlsCAFile=/ca%2Bx.pem&tlsCertificateKeyFile=/k.pem&\
            tlsCertificateKeyFilePassword=kp&tlsAllowInvalidCertificates=false&w=majority&waitQueueTimeoutMS=10&\
            wTimeoutMS=11&zlibCompressionLevel=9
            """
        let string = try MongoConnectionString(parsing: "mongodb+srv://u:p@h.x.y/?\(text)")
        #expect(string.warnings.isEmpty)
        #expect(string.options.entries.count == 44)
        #expect(string.options.appName == "a b")
        #expect(string.options.compressors == [.zstd, .zlib])
        #expect(string.options.readPreferenceTags == [["a": "b", "c": "d"], [:]])
        #expect(string.options.tlsCAFile == "/ca+x.pem")
        #expect(string.options.proxyPassword == Secret("pp"))
        #expect(string.options.tlsCertificateKeyFilePassword == Secret("kp"))
        #expect(string.options.w == .mode("majority"))
        #expect(string.options.srvServiceName == "my-svc")
        let again = try MongoConnectionString(
            parsing: string.description.replacing("u:<redacted>@", with: "u:p@")
                .replacing("proxyPassword=<redacted>", with: "proxyPassword=pp")
                .replacing("Password=<redacted>", with: "Password=kp"))
        #expect(again == string)
    }

    @Test(
        "warned about and ignored",
        arguments: [
            ("nope=1", "nope"), ("x%20y=1", "(unreadable name)"), ("readPreference=Primary", "readPreference"),
            ("readPreferenceTags=a", "readPreferenceTags"), ("serverMonitoringMode=x", "serverMonitoringMode"),
            ("compressors=lz4", "compressors"), ("replicaSet=", "replicaSet"), ("tlsCAFile=", "tlsCAFile"),
            ("proxyUsername=", "proxyUsername"), ("w=", "w"), ("authMechanism=", "authMechanism"),
            ("authMechanismProperties=a", "authMechanismProperties"), ("tls=x", "tls"),
        ]) func ignored(_ text: String, _ option: String) throws
    {
        let string = try Self.parse(text)
        #expect(string.warnings.map(\.option) == [option])
        #expect(string.options.entries.isEmpty)
    }

    @Test("an unknown compressor is left out") func someCompressors() throws {
        let string = try Self.parse("compressors=snappy,lz4,zlib,snappy")
        #expect(string.options.compressors == [.snappy, .zlib])
        #expect(string.warnings.map(\.option) == ["compressors"])
    }

    @Test("an application name has 128 bytes at most") func appName() throws {
        let longest = String(repeating: "ä", count: 64)
        #expect(try Self.parse("appName=\(longest)").options.appName == longest)
        #expect(try Self.parse("appName=\(longest)a").options.appName == nil)
    }

    @Test(
        "service names",
        arguments: [
            ("a", true), ("my-service-2", true), (String(repeating: "a", count: 62), true),
            (String(repeating: "a", count: 63), false), ("1-2", false), ("-a", false), ("a-", false), ("a--b", false),
            ("a_b", false), ("a.b", false),
        ]) func serviceNames(_ name: String, _ isValid: Bool) throws
    {
        let string = try Self.parse("srvServiceName=\(name)", "mongodb+srv://h/")
        #expect(string.options.srvServiceName == (isValid ? name : nil))
        #expect(string.warnings.isEmpty == isValid)
    }

    @Test(
        "write acknowledgements",
        arguments: [
            ("0", MongoConnectionString.WriteAcknowledgement.nodes(0)), ("3", .nodes(3)),
            ("majority", .mode("majority")),
            ("3dc", .mode("3dc")),
        ]) func acknowledgements(_ text: String, _ expected: MongoConnectionString.WriteAcknowledgement) throws
    {
        #expect(try Self.parse("w=\(text)").options.w == expected)
    }

    @Test("the last of a repeated option counts") func repeated() throws {
        let string = try Self.parse("appName=a&APPNAME=b")
        #expect(string.options.appName == "b")
        #expect(string.warnings.map(\.option) == ["appName"])
    }

    @Test(
        "deprecated names",
        arguments: [
            ("wtimeout=5", "wtimeout", Options.Entry(name: "wTimeoutMS", value: .integer(5))),
            ("wTimeoutMS=6&wtimeout=5", "wtimeout", Options.Entry(name: "wTimeoutMS", value: .integer(6))),
            ("j=true", "j", Options.Entry(name: "journal", value: .boolean(true))),
        ]) func deprecated(_ text: String, _ alias: String, _ entry: Options.Entry) throws
    {
        let string = try Self.parse(text)
        #expect(string.options.entries == [entry])
        #expect(string.warnings.map(\.option) == [alias])
    }

    @Test(
        "valid and yet surprising",
        arguments: [
            ("readPreferenceTags=a:b", "readPreferenceTags"), ("maxStalenessSeconds=90", "maxStalenessSeconds"),
            ("minPoolSize=5&maxPoolSize=4", "minPoolSize"), ("authMechanismProperties=A:b", "authMechanismProperties"),
        ]) func surprising(_ text: String, _ option: String) throws
    {
        let string = try Self.parse(text)
        #expect(string.warnings.map(\.option) == [option])
        #expect(!string.options.entries.isEmpty)
    }

    @Test(
        "conflicts",
        arguments: [
            ("mongodb://a,b/?directConnection=true", "directConnection", 15),
            ("mongodb+srv://a/?directConnection=true", "directConnection", 17),
            ("mongodb://a/?tls=true&ssl=false", "tls", 22),
            ("mongodb://a/?tls=true&tls=0", "tls", 22),
            ("mongodb://a/?tlsInsecure=x&tlsAllowInvalidHostnames=true", "tlsAllowInvalidHostnames", 27),
            ("mongodb://a/?srvMaxHosts=x", "srvMaxHosts", 13),
            ("mongodb://a/?w=1&srvServiceName=-", "srvServiceName", 17),
            ("mongodb+srv://a/?srvMaxHosts=1&replicaSet=r", "srvMaxHosts", 17),
            ("mongodb://a,b/?loadBalanced=true", "loadBalanced", 15),
            ("mongodb://a/?proxyPort=x", "proxyPort", 13),
            ("mongodb://a/?proxyHost=h&proxyUsername=u&proxyPassword=", "proxyUsername", 25),
            ("mongodb://a/?journal=true&w=0", "journal", 13),
        ]) func conflicts(_ text: String, _ option: String, _ offset: Int) throws
    {
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(error.code == .conflictingOptions)
        #expect(error.part == "options: \(option)")
        #expect(error.offset == offset)
    }

    @Test(
        "whether to use TLS",
        arguments: [
            ("mongodb://a", false), ("mongodb+srv://a", true), ("mongodb+srv://a/?tls=false", false),
            ("mongodb://a/?ssl=true", true), ("mongodb://a/?tlsCAFile=x", true),
            ("mongodb://a/?tls=false&tlsCAFile=x", false),
            ("mongodb://a/?appName=tls", false),
            ("mongodb://a/?tls=ture", true), ("mongodb://a/?tls=true&ssl=x", true),
            ("mongodb://a/?ssl=x&tls=false", false),
        ]) func tls(_ text: String, _ expected: Bool) throws
    {
        #expect(try MongoConnectionString(parsing: text).usesTLS == expected)
    }
}
