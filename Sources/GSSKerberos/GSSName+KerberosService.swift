public import GSSCore

extension GSSName {
    /// A service on exactly this host: the library neither follows the host's aliases nor looks up its address.
    ///
    /// MIT Kerberos canonicalizes the host of a host-based name through the DNS, with a reverse look-up, unless
    /// its configuration forbids it; then an attacker who controls DNS answers chooses which server proves its
    /// identity. This is a principal name instead. Its realm is what the configuration maps the host to, or else the
    /// KDC's choice.
    ///
    /// Reads the Kerberos configuration, which may block.
    ///
    /// - Parameters:
    ///   - service: The principal's first part.
    ///   - host: Its second part, as given.
    ///   - realm: The realm; `nil` to look it up.
    /// - Throws: ``/GSSCore/GSSError`` when the configuration cannot be read.
    public static func kerberosService(
        _ service: String, exactHost host: String, realm: String? = nil
    ) throws(GSSError) -> GSSName {
        let realm = if let realm { realm } else { try KerberosLibrary().realm(of: host) }
        return .principal("\(escaped(service))/\(escaped(host))@\(escaped(realm))")
    }

    /// Escapes the special characters of a principal's text (RFC 1964 section 2.1.1).
    private static func escaped(_ part: String) -> String {
        part.unicodeScalars.reduce(into: "") { text, scalar in
            if ["/", "@", "\\"].contains(scalar) { text.unicodeScalars.append("\\") }
            text.unicodeScalars.append(scalar)
        }
    }
}
