extension MongoConnectionString: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The string in its canonical form: secrets are `<redacted>`, ignored options are left out, and the others are in
    /// alphabetical order.
    public var description: String {
        var text = scheme.rawValue + "://"
        if let userInfo {
            text += percentEncoded(userInfo.username, keeping: .unreserved)
            if userInfo.password != nil { text += ":<redacted>" }
            text += "@"
        }
        text += hosts.map(\.description).joined(separator: ",") + "/"
        if let database { text += percentEncoded(database, keeping: .unreserved) }
        let entries = options.entries
        if !entries.isEmpty { text += "?" + entries.map(\.description).joined(separator: "&") }
        return text
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// Shows the canonical form and the warnings.
    public var customMirror: Mirror {
        Mirror(self, children: ["description": description, "warnings": warnings], displayStyle: .struct)
    }
}
