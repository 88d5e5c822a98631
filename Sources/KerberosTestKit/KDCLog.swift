import Glibc
internal import SystemPackage

/// The KDC's log file, or any other small text file.
struct KDCLog: Sendable {
    let path: String

    /// The file's size in bytes; 0 if there is none.
    var size: Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// The text from `offset` to the end; empty where there is no file.
    func read(from offset: Int64) throws(KerberosTestKitError) -> String {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                var text: [UInt8] = []
                if offset > 0 {
                    try file.seek(offset: offset, from: .start)
                }
                while true {
                    let piece = try [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if piece.isEmpty { break }
                    text += piece
                }
                return String(decoding: text, as: UTF8.self)
            }
        } catch let error as Errno where error == .noSuchFileOrDirectory {
            return ""
        } catch {
            throw KerberosTestKitError(.fileSystem, "\(path) could not be read", underlying: error)
        }
    }
}

/// One request that the KDC answered, from its log.
public struct KDCEvent: Sendable, Hashable {
    /// Which exchange of RFC 4120 a request belongs to.
    public enum Kind: String, Sendable, Hashable {
        /// The authentication service exchange, RFC 4120 section 3.1: a client asks for its first ticket.
        case authentication = "AS_REQ"
        /// The ticket-granting service exchange, RFC 4120 section 3.3: a client asks for a service's ticket.
        case ticketGranting = "TGS_REQ"
    }

    /// The KDC's answer to a request. The set is open: other KDCs and versions have further
    /// ones, see ``rawValue``.
    public struct Outcome: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The KDC's own word in its log.
        public var rawValue: String

        /// Creates an outcome from the KDC's own word.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// A ticket was issued.
        public static let issued = Outcome(rawValue: "ISSUE")
        /// The client must preauthenticate; it then asks again.
        public static let preauthenticationNeeded = Outcome(rawValue: "NEEDED_PREAUTH")
        /// Preauthentication failed: a wrong password or an old keytab.
        public static let preauthenticationFailed = Outcome(rawValue: "PREAUTH_FAILED")
        /// There is no such client.
        public static let clientNotFound = Outcome(rawValue: "CLIENT_NOT_FOUND")
        /// The client is ``PrincipalTrait/expired``.
        public static let clientExpired = Outcome(rawValue: "CLIENT EXPIRED")
        /// The client's password has expired: ``PrincipalTrait/passwordExpired``.
        public static let passwordExpired = Outcome(rawValue: "CLIENT KEY EXPIRED")
        /// The client must change its password: ``PrincipalTrait/needsPasswordChange``.
        public static let passwordChangeNeeded = Outcome(rawValue: "REQUIRED PWCHANGE")
        /// The client is ``PrincipalTrait/locked``.
        public static let clientLocked = Outcome(rawValue: "CLIENT LOCKED OUT")
        /// A policy locked the client out after too many wrong passwords.
        public static let clientLockedOut = Outcome(rawValue: "LOCKED_OUT")
        /// There is no such service, asked for with a password or keytab: ``Kind/authentication``.
        public static let serverNotFound = Outcome(rawValue: "SERVER_NOT_FOUND")
        /// There is no such service, asked for with a ticket: ``Kind/ticketGranting``.
        public static let serverNotFoundByTicket = Outcome(rawValue: "LOOKING_UP_SERVER")
        /// The service is ``PrincipalTrait/expired``.
        public static let serverExpired = Outcome(rawValue: "SERVICE EXPIRED")
        /// The service is ``PrincipalTrait/locked``.
        public static let serverLocked = Outcome(rawValue: "SERVER LOCKED OUT")
        /// The server is ``PrincipalTrait/notAService``.
        public static let notAService = Outcome(rawValue: "SERVER NOT ALLOWED")

        /// The KDC's own word.
        public var description: String { rawValue }
    }

    /// Which exchange it was.
    public var kind: Kind
    /// The address from which the request came, such as `127.0.0.1`.
    public var address: String
    /// The KDC's answer.
    public var outcome: Outcome
    /// The client's principal; `<unknown client>` if the KDC did not get that far.
    public var client: String
    /// The principal of the service for which the ticket was asked.
    public var server: String
    /// The error's text; `nil` if a ticket was issued.
    public var error: String?

    /// Whether a ticket was issued.
    public var issued: Bool { outcome == .issued }
}

extension KDCEvent {
    /// Reads one line of the log; `nil` for a line that is about something else.
    ///
    /// A line looks like `.. krb5kdc[1](info): AS_REQ (2 etypes {..}) 127.0.0.1: ISSUE: authtime 1, etypes {..}, a@R
    /// for b@R`; if no ticket was issued, the words between outcome and client are missing, or no comma follows them.
    init?(logLine: String) {
        // By scalars: a name may begin with a combining mark.
        let line = logLine.unicodeScalars
        guard let marker = line.firstRange(of: "(info): ".unicodeScalars) else { return nil }
        let text = line[marker.upperBound...]
        let kinds = [Kind.authentication, .ticketGranting]
        guard let kind = kinds.first(where: { text.starts(with: "\($0.rawValue) (".unicodeScalars) }),
            let types = text.firstRange(of: "}) ".unicodeScalars)
        else { return nil }
        let rest = text[types.upperBound...]
        guard let afterAddress = rest.firstRange(of: ": ".unicodeScalars),
            let afterOutcome = rest[afterAddress.upperBound...].firstRange(of: ": ".unicodeScalars),
            let separator = rest[afterOutcome.upperBound...].firstRange(of: " for ".unicodeScalars)
        else { return nil }
        self.kind = kind
        address = String(rest[..<afterAddress.lowerBound])
        outcome = Outcome(rawValue: String(rest[afterAddress.upperBound..<afterOutcome.lowerBound]))
        let before = rest[afterOutcome.upperBound..<separator.lowerBound]
        let marks = [", ", "} "].compactMap { before.ranges(of: $0.unicodeScalars).last?.upperBound }
        client = String(before[(marks.max() ?? before.startIndex)...])
        let after = rest[separator.upperBound...]
        if let comma = after.firstRange(of: ", ".unicodeScalars) {
            server = String(after[..<comma.lowerBound])
            error = String(after[comma.upperBound...])
        } else {
            server = String(after)
            error = nil
        }
    }
}

extension KDCEvent {
    /// The requests in the log of Samba's KDC, in order.
    ///
    /// A request's line looks like `Kerberos: AS-REQ SUCCESS ipv4:127.0.0.1:1 a@R krbtgt/R@R pa=.. etype=18/18`, or
    /// with `ERR_PREAUTH_FAILED` for `SUCCESS`; blanks in names are escaped with a backslash. If an account may not
    /// log in, the line has no error name, but an earlier line has the status.
    static func ofSamba(log: String) -> [KDCEvent] {
        var events: [KDCEvent] = []
        var status: String.UnicodeScalarView.SubSequence?
        for line in log.unicodeScalars.split(separator: "\n") {
            let text = line.drop { $0 == " " }
            if text.starts(with: "Auth: [Kerberos KDC,".unicodeScalars) {
                if let start = text.firstRange(of: " status [NT_STATUS_".unicodeScalars) {
                    status = text[start.upperBound...].prefix { $0 != "]" }
                }
            } else if let event = KDCEvent(sambaLine: text, status: status.map { String($0) }) {
                events.append(event)
                status = nil
            }
        }
        return events
    }

    private init?(sambaLine text: String.UnicodeScalarView.SubSequence, status: String?) {
        let kinds = [("Kerberos: AS-REQ ", Kind.authentication), ("Kerberos: TGS-REQ ", .ticketGranting)]
        guard let (prefix, kind) = kinds.first(where: { text.starts(with: $0.0.unicodeScalars) }) else { return nil }
        let words = Self.words(text.dropFirst(prefix.unicodeScalars.count))
        guard words.count >= 4, let place = words[1].unicodeScalars.firstIndex(of: ":"),
            ["ipv4", "ipv6"].contains(String(words[1].unicodeScalars[..<place])),
            let port = words[1].unicodeScalars.lastIndex(of: ":"), place < port
        else { return nil }
        self.kind = kind
        address = String(words[1].unicodeScalars[words[1].unicodeScalars.index(after: place)..<port])
        client = words[2]
        server = words[3]
        let isTicket = kind == .ticketGranting
        let word = words[0].hasPrefix("ERR_") ? String(words[0].dropFirst(4)) : words[0]
        outcome =
            switch word {
            case "SUCCESS": .issued
            case "PREAUTH_REQUIRED": .preauthenticationNeeded
            case "PREAUTH_FAILED": .preauthenticationFailed
            case "C_PRINCIPAL_UNKNOWN": .clientNotFound
            case "S_PRINCIPAL_UNKNOWN": isTicket ? .serverNotFoundByTicket : .serverNotFound
            case "KEY_EXPIRED": status == "PASSWORD_MUST_CHANGE" ? .passwordChangeNeeded : .passwordExpired
            default:
                switch status {
                case "ACCOUNT_DISABLED": .clientLocked
                case "ACCOUNT_LOCKED_OUT": .clientLockedOut
                case "ACCOUNT_EXPIRED": .clientExpired
                default: Outcome(rawValue: word)
                }
            }
        let reason = words.dropFirst(4).first { $0.hasPrefix("reason=") }.map { String($0.dropFirst(7)) }
        error = word == "SUCCESS" ? nil : reason ?? status ?? word
    }

    /// Splits at unescaped blanks; the backslash of an escaped blank stays in the word.
    private static func words(_ text: String.UnicodeScalarView.SubSequence) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in text {
            if scalar == " " && !isEscaped {
                words.append(String(word))
                word = String.UnicodeScalarView()
            } else {
                word.append(scalar)
            }
            isEscaped = scalar == "\\" && !isEscaped
        }
        return words + [String(word)]
    }
}

extension KerberosRealm {
    /// The KDC's log since the realm started.
    public func log() throws(KerberosTestKitError) -> String {
        try KDCLog(path: files.log).read(from: 0)
    }

    /// The requests that the KDC answered since the realm started, in order.
    public func events() throws(KerberosTestKitError) -> [KDCEvent] {
        let log = try log()
        if samba != nil { return KDCEvent.ofSamba(log: log) }
        return log.unicodeScalars.split(separator: "\n").compactMap { KDCEvent(logLine: String($0)) }
    }

    /// Waits until the KDC has answered a request that satisfies a condition, and returns the first such request.
    ///
    /// - Parameters:
    ///   - earlier: How many of ``events()`` to skip, because they are older.
    ///   - deadline: How long to wait.
    ///   - condition: Selects the request.
    /// - Throws: ``KerberosTestKitError`` with the code `deadline`, and with the end of the log, if none came.
    public func waitForEvent(
        after earlier: Int = 0, by deadline: ContinuousClock.Instant = .now + .seconds(30),
        where condition: @Sendable (KDCEvent) -> Bool
    ) async throws(KerberosTestKitError) -> KDCEvent {
        while true {
            // Read after the clock: what the KDC wrote before the deadline counts.
            let isLate = ContinuousClock.now >= deadline
            if let event = try events().dropFirst(earlier).first(where: condition) { return event }
            if isLate {
                let end = try log().split(separator: "\n").suffix(5).joined(separator: "\n")
                throw KerberosTestKitError(
                    .deadline, "the KDC did not answer such a request in time", standardError: end)
            }
            do {
                try await Task.sleep(for: .milliseconds(5))
            } catch {
                throw KerberosTestKitError(.cancelled, "the task was cancelled while it waited for the KDC")
            }
        }
    }
}
