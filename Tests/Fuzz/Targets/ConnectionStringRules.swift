import SaslConnectionString

enum ConnectionStringRules {
    static func check(_ input: [UInt8]) throws {
        let parts = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let text = String(decoding: parts[0], as: UTF8.self)
        let string: MongoConnectionString
        do throws(ConnectionStringError) {
            string = try MongoConnectionString(parsing: text)
        } catch {
            let all = MongoConnectionString.errors(in: text)
            try require(all.first == error, "the error that is thrown is the first of all")
            for error in all { try check(error, in: text) }
            return
        }
        try require(MongoConnectionString.errors(in: text).isEmpty, "a connection string has no errors")
        try check(string)
        try require(!string.hosts.isEmpty, "a string without a host is refused")
        if parts.count == 2 { try resolve(string, txt: String(decoding: parts[1], as: UTF8.self)) }
    }

    /// The canonical form is a connection string of the same meaning, and its own canonical form.
    private static func check(_ string: MongoConnectionString) throws {
        let text = "\(string)"
        try require(!hasControl(text), "no printed form steers a terminal")
        let again: MongoConnectionString
        do throws(ConnectionStringError) {
            // No secret may hold these characters bare.
            again = try MongoConnectionString(
                parsing: text.split(separator: "<redacted>", omittingEmptySubsequences: false).joined(separator: "x"))
        } catch {
            throw Violation("the canonical form \(text) cannot be parsed: \(error)")
        }
        try require(again.scheme == string.scheme, "\(text): same scheme")
        try require(again.hosts == string.hosts, "\(text): same hosts")
        try require(again.database == string.database, "\(text): same database")
        try require(again.usesTLS == string.usesTLS || string.options.tls == nil, "\(text): same use of TLS")
        try require(again.credential?.username == string.credential?.username, "\(text): same user")
        try require(again.credential?.source == string.credential?.source, "\(text): same source")
        try require(again.credential?.mechanism == string.credential?.mechanism, "\(text): same mechanism")
        try require(
            (again.credential?.password == nil) == (string.credential?.password == nil), "\(text): both with password")
        try require(
            again.credential?.gssapiProperties == string.credential?.gssapiProperties, "\(text): same GSSAPI properties"
        )
        try require("\(again)" == text, "\(text) is its own canonical form, not \(again)")
    }

    private static func resolve(_ string: MongoConnectionString, txt: String) throws {
        do {
            let host = MongoConnectionString.Host(name: "db1.example.com", kind: .hostname)
            let resolved = try string.resolved(hosts: [host], txt: txt)
            try require(resolved.hosts == [host], "the hosts are those of the records")
            try require(
                string.options.authSource == nil || resolved.options.authSource == string.options.authSource,
                "the string's own options override the record's")
        } catch let error as ConnectionStringError {
            try check(error, in: txt)
        }
    }

    private static func check(_ error: ConnectionStringError, in text: String) throws {
        try require((0...text.utf8.count).contains(error.offset), "\(error) is at a place in the text")
        try require(!error.message.isEmpty && !error.part.isEmpty, "an error says what and where")
    }

    private struct Case: Decodable {
        var uri: String
    }

    static func seeds() throws -> [[UInt8]] {
        let records = ["authSource=db&replicaSet=rs0", "loadBalanced=true", "authSource=$external", "tls=false"]
        return try ["syntax", "options", "credentials"].flatMap { file in
            try Fixtures.json("ConnectionString/\(file).json", as: [Case].self).enumerated().map { index, example in
                Array("\(example.uri)\n\(records[index % records.count])".utf8)
            }
        }
    }
}
