/// The names of keytabs.
enum KeytabName {
    private static let types = ["FILE", "WRFILE", "MEMORY", "ANY", "SRVTAB"]

    /// The type in a name, if libkrb5 does not support it. A name without a type is a file, and so is one that begins
    /// with a slash.
    static func unknownType(of name: String) -> String? {
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let type = String(name[..<colon])
        return types.contains(type) || type.utf8.first == UInt8(ascii: "/") ? nil : type
    }
}
