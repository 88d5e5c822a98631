/// A name in the form in which a person or a configuration gives it, with the syntax it is written in
/// (RFC 2743 section 4).
///
/// A provider imports it when needed; creating one checks nothing.
public struct GSSName: Sendable, Hashable {
    /// The syntax of a name's text.
    public struct Syntax: Sendable, Hashable {
        /// The object identifier of the name type.
        public let identifier: GSSObjectIdentifier

        /// Creates a syntax from its identifier.
        public init(identifier: GSSObjectIdentifier) {
            self.identifier = identifier
        }

        /// `service@host` (RFC 2743 section 4.1). The provider may canonicalize the host and chooses the realm.
        public static let hostBasedService = Syntax(
            identifier: .init(derContents: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04]))
        /// A local user's name (RFC 2743 section 4.2).
        public static let userName = Syntax(
            identifier: .init(derContents: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x01]))
        /// A Kerberos principal, `primary/instance@REALM` (RFC 1964 section 2.1.1). Without `@REALM` it is in
        /// the default realm.
        public static let kerberosPrincipal = Syntax(
            identifier: .init(derContents: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01]))
    }

    /// The name's text, UTF-8.
    public var text: String
    /// How to read the text.
    public var syntax: Syntax

    /// Creates a name.
    public init(_ text: String, syntax: Syntax) {
        self.text = text
        self.syntax = syntax
    }

    /// A service on a host, as `service@host`: the realm is the provider's choice.
    ///
    /// The host is used as given: no port, no brackets. The provider may still canonicalize it: MIT Kerberos does,
    /// through the DNS, and so lets the DNS choose which server is authenticated.
    public static func service(_ service: String, host: String) -> GSSName {
        GSSName("\(service)@\(host)", syntax: .hostBasedService)
    }

    /// A Kerberos principal; without `@REALM` in the default realm.
    public static func principal(_ principal: String) -> GSSName {
        GSSName(principal, syntax: .kerberosPrincipal)
    }
}

extension GSSName: CustomStringConvertible {
    /// The text; for a principal with an open realm, without the final `@`.
    public var description: String {
        let rest = text.utf8.dropLast()
        guard syntax == .kerberosPrincipal, text.utf8.last == UInt8(ascii: "@"),
            // An escaped `@` is part of the name.
            rest.reversed().prefix(while: { $0 == UInt8(ascii: "\\") }).count.isMultiple(of: 2)
        else { return text }
        return String(decoding: rest, as: UTF8.self)
    }
}
