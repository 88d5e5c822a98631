import ArgumentParser
import AuthCheckKit
import MongoAuth
import MongoConnect
import SASL
import SaslConnectionString

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The credential, if the connection string does not have it.
struct CredentialOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The Kerberos principal, in place of the connection string's user.", valueName: "user@REALM"))
    var principal: String?

    @Option(
        name: .customLong("ccache"),
        help: ArgumentHelp(
            "The Kerberos credential cache, for example FILE:/tmp/krb5cc_1000 or KCM:. Of a collection the user's is "
                + "taken.",
            valueName: "name"))
    var cache: String?

    @Option(help: ArgumentHelp("A keytab with the user's key, to get Kerberos tickets with.", valueName: "file"))
    var keytab: String?

    @Option(
        help: ArgumentHelp(
            "A file whose first line is the user's password; `-` reads standard input. For GSSAPI it is the Kerberos "
                + "password.", valueName: "file"))
    var passwordFile: String?

    @Flag(help: "Asks for the user's password on the terminal, without showing it.")
    var askPassword = false

    /// A protocol violation that may be tolerated.
    enum Tolerance: String, ExpressibleByArgument, CaseIterable {
        case sizeWithoutLayer = "size-without-layer"
    }

    @Option(
        help: ArgumentHelp(
            "Accepts what RFC 4752 requires a client to refuse: with size-without-layer a server that states "
                + "a maximum message size although it offers no security layer.", valueName: "what"))
    var tolerate: [Tolerance] = []

    func validate() throws {
        let sources = [cache != nil, keytab != nil, passwordFile != nil, askPassword].count { $0 }
        guard sources <= 1 else {
            throw ValidationError("Give only one of --ccache, --keytab, --password-file and --ask-password.")
        }
        // The library would wait for a writer, which would look like a silent KDC.
        if let keytab, Self.isPipe(keytab) {
            throw ValidationError("The keytab \(keytab) is a named pipe, not a file.")
        }
    }

    private static func isPipe(_ keytab: String) -> Bool {
        let path = keytab.utf8.starts(with: "FILE:".utf8) ? String(keytab.dropFirst(5)) : keytab
        var status = stat()
        return stat(path, &status) == 0 && [S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT)
    }

    /// Whether a password is given by an option.
    var readsInput: Bool { askPassword || passwordFile == "-" }

    /// Whether an option is given that is only for Kerberos.
    private var isKerberos: Bool { principal != nil || cache != nil || keytab != nil || !tolerate.isEmpty }

    /// Completes a connection string with these options, and creates their credential.
    ///
    /// - Returns: No credential if the string's own is used.
    func apply(
        to text: String, _ password: Secret?
    ) throws -> (string: MongoConnectionString, credential: MongoCredential?) {
        var parts = ConnectionStringParts(text)
        if let principal, parts?.userInfo == nil { parts?.userInfo = PercentEncoding.encode(principal.utf8) }
        if password != nil {
            guard let userInfo = parts?.userInfo else {
                throw ValidationError("There is a password, but no user: name one in the connection string.")
            }
            guard !userInfo.utf8.contains(UInt8(ascii: ":")) else {
                throw ValidationError("The connection string has a password already.")
            }
            // The string only has a placeholder, for the mechanisms' rules: it would keep the password unwiped.
            parts?.userInfo = userInfo + ":given"
        }
        if isKerberos { parts?.addMechanism("GSSAPI") }
        let string = try MongoConnectionString(parsing: parts?.text ?? text)
        guard isKerberos || password != nil, let given = string.credential else { return (string, nil) }
        var credential: MongoCredential
        do {
            credential = try MongoCredential(given)
        } catch {
            throw ValidationError(error.message)
        }
        if let principal { credential.username = principal }
        if let password { try credential.use(password) }
        guard isKerberos else { return (string, credential) }
        guard case .gssapi(var options) = credential.method else {
            throw ValidationError("--principal, --ccache, --keytab and --tolerate are for authMechanism=GSSAPI.")
        }
        guard given.password == nil || (cache == nil && keytab == nil) else {
            throw ValidationError("The connection string has a password already: leave out --ccache and --keytab.")
        }
        if let cache { options.identity = .cache(cache) }
        if let keytab { options.identity = .keytab(keytab) }
        options.toleratesSizeWithoutLayer = tolerate.contains(.sizeWithoutLayer)
        credential.method = .gssapi(options)
        return (string, credential)
    }

    /// The password that these options name; the prompt for a typed one names the user.
    func readPassword(for texts: [String]) throws -> Secret? {
        if askPassword {
            let user = principal ?? texts.first.flatMap { ConnectionStringParts($0)?.user }
            let password = try Terminal.password(prompt: Printable.line("Password\(user.map { " of \($0)" } ?? ""): "))
            guard password.count > 0 else { throw ValidationError("No password was typed.") }
            return password
        }
        guard let passwordFile else { return nil }
        return try LineFile.password(in: passwordFile)
    }
}

extension MongoCredential {
    /// Applies a password to the chosen mechanism.
    fileprivate mutating func use(_ password: Secret) throws {
        switch method {
        case .gssapi(var options):
            options.identity = .password(password, user: username)
            method = .gssapi(options)
        case .plain: method = .plain(password: password)
        case .scram(let hash, _): method = .scram(hash, password: password)
        case .named(let name, _, let properties): method = .named(name, password: password, properties: properties)
        case .x509, .oidc, .other: throw ValidationError("The mechanism of the connection string takes no password.")
        }
    }
}

/// A connection string, split just enough to insert a user.
private struct ConnectionStringParts {
    private var scheme: Substring
    /// User and password, verbatim, without the `@`.
    var userInfo: String?
    private var hosts: Substring
    /// From the first slash or question mark on.
    private var rest: String

    /// By scalars: a combining mark must not hide a separator, and so show a password as the user.
    init?(_ text: String) {
        let scalars = text.unicodeScalars
        guard let marker = scalars.firstRange(of: "://".unicodeScalars) else { return nil }
        scheme = text[..<marker.upperBound]
        let authority = scalars[marker.upperBound...].prefix { $0 != "/" && $0 != "?" }
        rest = String(scalars[authority.endIndex...])
        let at = authority.lastIndex(of: "@")
        userInfo = at.map { String(authority[..<$0]) }
        hosts = Substring(at.map { authority[authority.index(after: $0)...] } ?? authority)
    }

    /// The decoded user name.
    var user: String? {
        userInfo.map { PercentEncoding.decode($0.utf8.prefix { $0 != UInt8(ascii: ":") }) }
            .flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Adds a mechanism, unless the string has one.
    mutating func addMechanism(_ name: String) {
        let query = rest.unicodeScalars.drop { $0 != "?" }.dropFirst()
        let names = query.split(separator: "&").map { String($0.prefix { $0 != "=" }).lowercased() }
        guard !names.contains("authmechanism") else { return }
        if !rest.utf8.contains(UInt8(ascii: "?")) { rest += rest.isEmpty ? "/?" : "?" }
        rest += (rest.hasSuffix("?") || rest.hasSuffix("&") ? "" : "&") + "authMechanism=\(name)"
    }

    var text: String { scheme + (userInfo.map { $0 + "@" } ?? "") + hosts + rest }
}

/// RFC 3986's encoding for the text before the `@`.
private enum PercentEncoding {
    /// Malformed escapes are unchanged.
    static func decode(_ text: some Sequence<UInt8>) -> String {
        var (bytes, rest) = ([UInt8](), Array(text)[...])
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(digits, radix: 16) else {
                bytes.append(byte)
                continue
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        bytes.reduce(into: "") { text, byte in
            let isPlain = (0x30...0x39 ~= byte) || (0x41...0x5A ~= byte) || (0x61...0x7A ~= byte)
            if isPlain {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
