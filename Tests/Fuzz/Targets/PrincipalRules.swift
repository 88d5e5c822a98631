import GSSCore
import GSSKerberos
import KerberosCredentials
import ShellWords
import Synchronization

/// A user's principal, a service's host and a word for a shell, all three from one text.
enum PrincipalRules {
    static func check(_ input: [UInt8]) throws {
        let text = String(decoding: input.filter { $0 != 0 }, as: UTF8.self)
        try checkRealm(of: text)
        try checkServiceName(text)
        try checkWord(text)
    }

    /// Against a reading of its own, scalar by scalar.
    private static func checkRealm(of text: String) throws {
        var scalars = text.unicodeScalars[...]
        var realm: String?
        while let scalar = scalars.popFirst() {
            if scalar == "\\" { _ = scalars.popFirst() }
            if scalar == "@" {
                realm = String(scalars)
                break
            }
        }
        let found = KerberosTicket.realm(of: text).map(String.init)
        try require(
            found.map { Array($0.utf8) } == realm.map { Array($0.utf8) }, "the realm of \(text.debugDescription)")
    }

    /// The principal of a service has two parts and a realm, whatever they are made of.
    private static func checkServiceName(_ text: String) throws {
        let name = try GSSName.kerberosService("mongodb", exactHost: text, realm: text).text
        var parts: [[Unicode.Scalar]] = [[]]
        var separators: [Unicode.Scalar] = []
        var scalars = name.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\\":
                let escaped = try unwrap(scalars.popFirst(), "a backslash escapes something")
                parts[parts.count - 1].append(escaped)
            case "/", "@":
                separators.append(scalar)
                parts.append([])
            default:
                parts[parts.count - 1].append(scalar)
            }
        }
        let wanted = Array(text.unicodeScalars)
        try require(separators == ["/", "@"], "\(name.debugDescription) has two parts and a realm")
        try require(
            parts == [Array("mongodb".unicodeScalars), wanted, wanted], "\(name.debugDescription) is unchanged")
    }

    private static func unwrap<Value>(_ value: Value?, _ rule: String) throws(Violation) -> Value {
        guard let value else { throw Violation(rule) }
        return value
    }

    /// What is quoted is one word to `sh`, and the same text.
    private static func checkWord(_ text: String) throws {
        let quoted = ShellWord.quoted(text)
        let said = try shell.withLock { try $0.arguments(quoted) }
        try require(
            said == Array("1:\(text)".utf8),
            "\(quoted.debugDescription) is one word to sh: \(String(decoding: said, as: UTF8.self).debugDescription)")
    }

    private static let shell = Mutex(WordShell())

    static let seeds = [
        "ann@EXAMPLE.TEST", "mongodb/localhost@EXAMPLE.TEST", "localhost/x", "a\\@b@R", "a@\u{301}R",
        "localhost/\u{301}x",
        "it's", "'\u{301}; touch x", "$(id)", "`id`", "a b\tc\nd", "*", "~root", "\"", "\\", "-x", "", "{a,b}", "#x",
        "!x",
        "ann@corp.example@REALM", "\u{7F}\u{9B}1m", "a=b",
    ].map { Array($0.utf8) }
}
