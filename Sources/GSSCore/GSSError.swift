/// A failed GSS-API call: the call, both status codes, and all of the library's messages for them.
public struct GSSError: Error, Sendable, Hashable {
    /// The C function that failed, for example `gss_init_sec_context`.
    public var call: String
    /// The major status: what kind of failure, the same for all mechanisms.
    public var major: GSSMajorStatus
    /// The minor status: the mechanism's own code.
    public var minor: UInt32
    /// The library's messages for ``major``.
    public var majorMessages: [String]
    /// The library's messages for ``minor``. Kerberos puts the useful text here.
    public var minorMessages: [String]
    /// What the call was about, for example the name of the service or of the cache. Never a secret.
    public var subject: String?

    /// Creates an error.
    public init(
        call: String,
        major: GSSMajorStatus,
        minor: UInt32 = 0,
        majorMessages: [String] = [],
        minorMessages: [String] = [],
        subject: String? = nil
    ) {
        self.call = call
        self.major = major
        self.minor = minor
        self.majorMessages = majorMessages
        self.minorMessages = minorMessages
        self.subject = subject
    }

    /// The most specific message: the mechanism's own, else the general one.
    public var message: String {
        let messages = minorMessages.isEmpty ? majorMessages : minorMessages
        return messages.isEmpty ? major.description : messages.joined(separator: "; ")
    }
}

extension GSSError: CustomStringConvertible {
    /// The call, both codes and both texts.
    public var description: String {
        let about = subject.map { " for \($0)" } ?? ""
        let minorText = minorMessages.isEmpty ? "" : ": " + minorMessages.joined(separator: "; ")
        let majorText = majorMessages.isEmpty ? "" : " (\(majorMessages.joined(separator: "; ")))"
        return "\(call)\(about): \(major)\(majorText), minor \(Int32(bitPattern: minor))\(minorText)"
    }
}
