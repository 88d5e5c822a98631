import SaslConnectionString
import Testing

/// ``MongoConnectionString/errors(in:)``: all errors, and no consequential ones.
@Suite("All errors of a string") struct AllErrorsTests {
    @Test(
        "independent errors are all found, those about several parts too",
        arguments: [
            ("mongodb://a:0,b,/", ["host 1", "host 3"]),
            ("mongodb://a:0/$x?w=-1", ["host 1", "database", "options: w"]),
            ("mongodb://u:p:q@a/$x?authMechanism=NO", ["userinfo", "database", "options: authMechanism"]),
            ("mongodb://a/?w&journal&tls=1%", ["options", "options", "options: tls"]),
            ("mongodb:///?w=-1", ["host 1", "options: w"]),
            (
                "mongodb://a,b/?directConnection=true&srvMaxHosts=1&w=0&journal=true",
                ["options: srvMaxHosts", "options: directConnection", "options: journal"]
            ),
            (
                "mongodb+srv://a:1/?directConnection=true&authMechanism=GSSAPI",
                ["options: directConnection", "host 1", "options: authMechanism"]
            ),
            ("mongodb://a/?tls=true&ssl=false&proxyPort=1", ["options: tls", "options: proxyPort"]),
            (
                "mongodb://:p@a/?authMechanism=MONGODB-OIDC&authSource=x&authMechanismProperties=NO:1,ENVIRONMENT:",
                ["userinfo", "options: authSource"] + Array(repeating: "options: authMechanismProperties", count: 2)
            ),
        ])
    func all(_ text: String, _ parts: [String]) throws {
        let errors = MongoConnectionString.errors(in: text)
        #expect(errors.map(\.part) == parts)
        let first = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(first == errors.first)
    }

    @Test(
        "what follows from another error is not one",
        arguments: [
            // No user name was read, or no mechanism: neither is missing.
            "mongodb://u%@a/?authMechanism=GSSAPI", "mongodb://u@a/?authMechanism=NO&authSource=x",
            "mongodb://u@a/?authMechanism&authMechanismProperties=SERVICE_HOST:b",
            "mongodb://u@a/?authSource=&authMechanism=SCRAM-SHA-1",
            // No proxy's host was read.
            "mongodb://a/?proxyHost=%&proxyPort=1", "mongodb://a/?proxyHost=x&proxyHost=y&proxyUsername=z",
            // One of the hosts was not read.
            "mongodb+srv://a_%/", "mongodb+srv:///",
            // Nothing behind it can be told apart.
            "http://a/?w=-1", "mongodb://a/?w=-1\n", "mongodb://u:p/q@a/?w=-1",
        ])
    func one(_ text: String) {
        #expect(MongoConnectionString.errors(in: text).count == 1)
    }

    @Test func aConnectionStringHasNone() {
        #expect(MongoConnectionString.errors(in: "mongodb://ann%40R@a,b/?authMechanism=GSSAPI&nosuch=1").isEmpty)
    }

    @Test func thereAreAHundredAtMost() {
        let hosts = Array(repeating: "a:0", count: 1000).joined(separator: ",")
        #expect(MongoConnectionString.errors(in: "mongodb://\(hosts)/?w=-1").count == 100)
    }

    @Test(
        "the first is the one that parsing throws, or there is none",
        arguments: ["syntax.json", "options.json", "credentials.json"])
    func firstOfTheSpecifications(_ file: String) throws {
        for test in try SpecificationCase.load(file) {
            let errors = MongoConnectionString.errors(in: test.uri)
            do throws(ConnectionStringError) {
                _ = try MongoConnectionString(parsing: test.uri)
                #expect(errors.isEmpty, "\(test)")
            } catch {
                #expect(errors.first == error, "\(test)")
            }
        }
    }

    /// A byte of every string made special, each time another one.
    @Test("so it is with twisted strings, and every place is inside them") func twisted() throws {
        let uris = try ["syntax.json", "options.json", "credentials.json"].flatMap(SpecificationCase.load).map(\.uri)
        var several = 0
        for (index, uri) in uris.enumerated() {
            for position in stride(from: index % 7, to: uri.utf8.count, by: 7) {
                var bytes = Array(uri.utf8)
                bytes[position] = Array("%@:/?&=,[;".utf8)[(index + position) % 10]
                let text = String(decoding: bytes, as: UTF8.self)
                let errors = MongoConnectionString.errors(in: text)
                do throws(ConnectionStringError) {
                    _ = try MongoConnectionString(parsing: text)
                    if !errors.isEmpty { Issue.record("\(errors): \(text)") }
                } catch {
                    if errors.first != error { Issue.record("\(error) is not the first: \(text)") }
                    if errors.count > 1 { several += 1 }
                    for error in errors where !(0...text.utf8.count).contains(error.offset) {
                        Issue.record("\(error): \(text)")
                    }
                }
            }
        }
        #expect(several > 100)
    }

    @Test func secretsAreInNone() {
        let text = "mongodb://u:hunter2:x@a:hunter2/$hunter2?authMechanism=hunter2&w=-1&hunter2&tls=true&ssl=false"
        let errors = MongoConnectionString.errors(in: text)
        #expect(errors.count == 7)
        #expect(!"\(errors)".contains("hunter2"))
    }
}
