internal import SecretMemory

/// The connection string split into its parts, none of them decoded.
struct Sections {
    var scheme: MongoConnectionString.Scheme
    /// The text before the `@`; empty is not absent.
    var userInfo: Bytes?
    var hosts: Bytes
    /// The text between the first `/` and the `?`.
    var database: Bytes?
    /// The text after the `?`; empty if there is none.
    var options: Bytes

    /// How many bytes a string may have: enough for more than a thousand hosts.
    static let maximumLength = 1 << 20

    init(_ text: String, _ findings: Findings) throws(ConnectionStringError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw ConnectionStringError(
                .tooLarge, "a connection string has at most \(Self.maximumLength) bytes", offset: Self.maximumLength,
                part: "text")
        }
        let bytes = Array(text.utf8)
        if let index = bytes.firstIndex(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw ConnectionStringError(
                .invalidCharacter,
                "a connection string must not have control characters, such as a line break at its end",
                offset: index, part: "text")
        }
        let rest: Bytes
        if bytes.starts(with: "mongodb://".utf8) {
            scheme = .mongodb
            rest = bytes.dropFirst("mongodb://".utf8.count)
        } else if bytes.starts(with: "mongodb+srv://".utf8) {
            scheme = .mongodbSRV
            rest = bytes.dropFirst("mongodb+srv://".utf8.count)
        } else {
            // An environment file for containers keeps quotation marks as part of a value.
            let isQuoted = bytes.first.map { [UInt8(ascii: "\""), UInt8(ascii: "'")].contains($0) } ?? false
            throw ConnectionStringError(
                .invalidScheme,
                "a connection string begins with mongodb:// or mongodb+srv://"
                    + (isQuoted ? ", and not with a quotation mark" : ""), offset: 0, part: "scheme")
        }

        let isDelimiter = { (byte: UInt8) in byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") }
        let authority = rest.prefix { !isDelimiter($0) }
        let tail = rest[authority.endIndex...]
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            userInfo = authority[..<at]
            hosts = authority[(at + 1)...]
        } else {
            userInfo = nil
            hosts = authority
        }
        if tail.first == UInt8(ascii: "/") {
            let name = tail.dropFirst().prefix { $0 != UInt8(ascii: "?") }
            database = name
            options = tail[name.endIndex...].dropFirst()
        } else {
            database = nil
            options = tail.dropFirst()
        }

        try refuseTornUserInfo(tail)
        if hosts.isEmpty {
            try findings.report(
                ConnectionStringError(
                    .missingHost,
                    tail.first == UInt8(ascii: "/")
                        ? "no host is given; the path of a Unix socket must be percent-encoded, as %2Ftmp%2Fx.sock"
                        : "no host is given",
                    offset: hosts.startIndex, part: "host 1"))
        }
    }

    /// Refuses a string whose password has an unescaped `/` or `?` and so was split in the middle: its second half
    /// would be taken for a database or an option and be printed.
    private func refuseTornUserInfo(_ tail: Bytes) throws(ConnectionStringError) {
        guard userInfo == nil, let first = tail.first else { return }
        let suspect = first == UInt8(ascii: "/") ? database ?? [] : options
        guard let at = suspect.firstIndex(of: UInt8(ascii: "@")) else { return }
        throw ConnectionStringError(
            .invalidUserInfo,
            "the '@' comes after a '/' or '?'; in a user name or password write those as %2F and %3F, "
                + "and an '@' that belongs to a database or an option as %40",
            offset: at, part: "userinfo")
    }
}

/// The text before the `@`, decoded.
struct UserInfo: Sendable, Hashable {
    var username: String
    /// `nil` without a colon.
    var password: Secret?

    init(_ raw: Bytes) throws(ConnectionStringError) {
        var colon: Int?
        for index in raw.indices {
            let byte = raw[index]
            switch byte {
            case UInt8(ascii: ":"):
                if colon != nil { throw Self.mustBeEncoded("a second ':' must be written as %3A", at: index) }
                colon = index
            case UInt8(ascii: "@"):
                throw Self.mustBeEncoded("an '@' must be written as %40", at: index)
            case UInt8(ascii: "%"):
                if escapedByte(in: raw, at: index) == nil {
                    throw Self.mustBeEncoded("a '%' must be written as %25", at: index)
                }
            case _ where byte < 0x80 && !PlainBytes.unreserved.contains(byte) && !Self.isSubDelimiter(byte):
                throw Self.mustBeEncoded(
                    "of the other ASCII characters only letters, digits and -._~!$&'()*+,;= may stay as they are",
                    at: index)
            default:
                break
            }
        }
        username = try percentDecoded(raw[..<(colon ?? raw.endIndex)], part: "userinfo")
        if let colon {
            password = Secret(try percentDecoded(raw[(colon + 1)...], part: "userinfo"))
        }
        guard !username.utf8.contains(0), password?.withBytes({ $0.contains(0) }) != true else {
            throw ConnectionStringError(
                .invalidUserInfo, "user name and password must not have a NUL character", offset: raw.startIndex,
                part: "userinfo")
        }
    }

    /// RFC 3986 section 2.2.
    private static func isSubDelimiter(_ byte: UInt8) -> Bool {
        "!$&'()*+,;=".utf8.contains(byte)
    }

    private static func mustBeEncoded(_ detail: String, at offset: Int) -> ConnectionStringError {
        ConnectionStringError(
            .invalidUserInfo, "user name and password must be percent-encoded: \(detail)", offset: offset,
            part: "userinfo")
    }
}
