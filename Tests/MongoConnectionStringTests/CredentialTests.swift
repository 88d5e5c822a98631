import SaslConnectionString
import Testing

@Suite("Credentials") struct CredentialTests {
    static func credential(_ text: String) throws -> MongoConnectionString.Credential? {
        try MongoConnectionString(parsing: text).credential
    }

    @Test(
        "refused",
        arguments: [
            ("mongodb://@h/?authMechanism=GSSAPI", "userinfo", 10),
            ("mongodb://h/?authMechanism=GSSAPI", "options: authMechanism", 13),
            ("mongodb://u@h/?authMechanism=GSSAPI&authSource=admin", "options: authSource", 36),
            (
                "mongodb://u@h/?authMechanism=GSSAPI&authMechanismProperties=REALM:X",
                "options: authMechanismProperties", 36
            ),
            // With a dotless i, which Unicode's rules make an I in upper case.
            (
                "mongodb://u@h/?authMechanism=GSSAPI&authMechanismProperties=SERV%C4%B1CE_NAME:x",
                "options: authMechanismProperties", 36
            ),
            (
                "mongodb://u@h/?authMechanism=GSSAPI&authMechanismProperties=SERVICE_NAME:",
                "options: authMechanismProperties", 36
            ),
            (
                "mongodb://u@h/?authMechanism=GSSAPI&authMechanismProperties=CANONICALIZE_HOST_NAME:yes",
                "options: authMechanismProperties", 36
            ),
            ("mongodb://u@h/?authMechanism=PLAIN", "userinfo", 10),
            ("mongodb://:p@h/?authMechanism=PLAIN", "userinfo", 10),
            ("mongodb://u@h/?authMechanism=SCRAM-SHA-1", "userinfo", 10),
            ("mongodb://u@h/?authMechanism=SCRAM-SHA-256", "userinfo", 10),
            (
                "mongodb://u:p@h/?authMechanism=SCRAM-SHA-256&authMechanismProperties=SERVICE_NAME:x",
                "options: authMechanismProperties", 45
            ),
            ("mongodb://u:p@h/?authMechanismProperties=SERVICE_NAME:x", "options: authMechanismProperties", 17),
            ("mongodb://:p@h/", "userinfo", 10),
            ("mongodb://u:@h/?authMechanism=MONGODB-X509", "userinfo", 10),
            (
                "mongodb://h/?authMechanism=MONGODB-X509&authMechanismProperties=a:b",
                "options: authMechanismProperties", 40
            ),
            ("mongodb://:p@h/?authMechanism=MONGODB-AWS", "userinfo", 10),
            ("mongodb://h/?authMechanism=MONGODB-AWS&authSource=x", "options: authSource", 39),
            (
                "mongodb://h/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:test,ALLOWED_HOSTS:x",
                "options: authMechanismProperties", 40
            ),
            (
                "mongodb://h/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:k8s,TOKEN_RESOURCE:a",
                "options: authMechanismProperties", 40
            ),
            (
                "mongodb://h/?authMechanism=MONGODB-OIDC&authMechanismProperties=TOKEN_RESOURCE:a",
                "options: authMechanismProperties", 40
            ),
        ]) func refused(_ text: String, _ part: String, _ offset: Int) throws
    {
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(error.code == .invalidCredential)
        #expect(error.part == part)
        #expect(error.offset == offset)
    }

    @Test("unknown mechanisms", arguments: ["MONGODB-CR", "gssapi", "X-OTHER", "PLAIN%20"])
    func unknown(_ name: String) throws {
        let text = "mongodb://u:p@h/?authMechanism=\(name)"
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(error.code == .unsupportedMechanism)
        #expect(error.part == "options: authMechanism")
        #expect(error.message.contains("SCRAM-SHA-256"))
    }

    @Test("an empty authSource is an error even without a credential") func emptySource() throws {
        let error = try #require(throws: ConnectionStringError.self) {
            try MongoConnectionString(parsing: "mongodb://h/?authSource=")
        }
        #expect(error.code == .invalidOption)
    }

    @Test(
        "an empty user name counts as none where none is needed",
        arguments: [
            "mongodb://@h/?authMechanism=MONGODB-X509", "mongodb://@h/?authMechanism=MONGODB-AWS",
            "mongodb://@h/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:test",
        ]) func emptyUsername(_ text: String) throws
    {
        let credential = try #require(try Self.credential(text))
        #expect(credential.username == nil)
        #expect(credential.password == nil)
        #expect(credential.source == "$external")
    }

    @Test(
        "GSSAPI properties",
        arguments: [
            ("", GSSAPIProperties()),
            ("&authMechanismProperties=", GSSAPIProperties()),
            (
                "&authMechanismProperties=service_name:db,Service_Realm:R,SERVICE_HOST:h,canonicalize_host_name:forward",
                GSSAPIProperties(
                    serviceName: "db", serviceRealm: "R", serviceHost: "h", canonicalizeHostName: .forward)
            ),
            (
                "&authMechanismProperties=CANONICALIZE_HOST_NAME:true",
                GSSAPIProperties(canonicalizeHostName: .forwardAndReverse)
            ),
            ("&authMechanismProperties=CANONICALIZE_HOST_NAME:false", GSSAPIProperties()),
            (
                "&authMechanismProperties=SERVICE_NAME%3Adb%2CSERVICE_REALM%3AR",
                GSSAPIProperties(
                    serviceName: "db", serviceRealm: "R")
            ),
            ("&gssapiServiceName=old", GSSAPIProperties(serviceName: "old")),
            (
                "&authMechanismProperties=SERVICE_REALM:R&gssapiServiceName=old",
                GSSAPIProperties(
                    serviceName: "old", serviceRealm: "R")
            ),
            ("&authMechanismProperties=SERVICE_NAME:new&gssapiServiceName=old", GSSAPIProperties(serviceName: "new")),
        ]) func gssapi(_ options: String, _ expected: GSSAPIProperties) throws
    {
        let credential = try #require(try Self.credential("mongodb://u%40R@h/db?authMechanism=GSSAPI\(options)"))
        #expect(credential.gssapiProperties == expected)
        #expect(credential.mechanismProperties["SERVICE_NAME"] == expected.serviceName)
        #expect(credential.source == "$external")
        #expect(credential.username == "u@R")
    }

    @Test("only GSSAPI has GSSAPI properties") func otherMechanisms() throws {
        #expect(try Self.credential("mongodb://u:p@h/?authMechanism=PLAIN")?.gssapiProperties == nil)
    }

    @Test("a property's value keeps its colons; commas are warned about") func values() throws {
        let string = try MongoConnectionString(
            parsing: "mongodb://h/?authMechanism=MONGODB-OIDC"
                + "&authMechanismProperties=TOKEN_RESOURCE:api://a:b%2Cc,ENVIRONMENT:gcp")
        #expect(string.credential?.mechanismProperties["token_resource"] == "api://a:b,c")
        #expect(string.warnings.map(\.option) == ["authMechanismProperties"])
    }

    @Test("a repeated property is warned about") func repeatedProperty() throws {
        let string = try MongoConnectionString(
            parsing: "mongodb://u@h/?authMechanism=GSSAPI&authMechanismProperties=SERVICE_NAME:a,service_name:b")
        #expect(string.credential?.gssapiProperties?.serviceName == "b")
        #expect(string.warnings.count == 1)
    }

    @Test("AWS keys in the string are warned about") func awsKeys() throws {
        let string = try MongoConnectionString(parsing: "mongodb://k:s@h/?authMechanism=MONGODB-AWS")
        #expect(string.warnings.map(\.option) == ["authMechanism"])
        #expect(try MongoConnectionString(parsing: "mongodb://h/?authMechanism=MONGODB-AWS").warnings.isEmpty)
    }
}
