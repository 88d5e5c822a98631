#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The variables that Kerberos uses.
extension EnvironmentFacts.Variable {
    private static let mostVariables = 64
    private static let longestValue = 4096

    /// Reads an environment, and checks the files that it names: it may block.
    static func read(_ environment: [String: String]) -> [EnvironmentFacts.Variable] {
        environment.filter { $0.key.utf8.starts(with: "KRB5".utf8) }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.prefix(mostVariables)
            .map { name, value in
                let value = String(decoding: value.utf8.prefix(longestValue), as: UTF8.self)
                let paths = Self.paths(name, value).map { path in
                    Path(path: path, state: state(of: path, isWritten: name == "KRB5_TRACE"))
                }
                return EnvironmentFacts.Variable(name: name, value: value, paths: paths)
            }
    }

    /// The files that a variable names.
    static func paths(_ name: String, _ value: String) -> [String] {
        switch name {
        case "KRB5_CONFIG", "KRB5_KDC_PROFILE":
            value.utf8.split(separator: UInt8(ascii: ":")).map { String(decoding: $0, as: UTF8.self) }
        case "KRB5CCNAME", "KRB5_KTNAME", "KRB5_CLIENT_KTNAME", "KRB5RCACHENAME":
            path(inName: value).map { [$0] } ?? []
        case "KRB5_TRACE", "KRB5RCACHEDIR": value.isEmpty ? [] : [value]
        default: []
        }
    }

    /// The path after the type of a cache or keytab; `nil` for types that are not files.
    static func path(inName name: String) -> String? {
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else { return name.isEmpty ? nil : name }
        let type = name[..<colon]
        let rest = String(name[name.utf8.index(after: colon)...])
        switch type {
        case "FILE", "WRFILE", "file2", "dfl": return rest.isEmpty ? nil : rest
        // `DIR::/path/tkt` is one cache of a folder.
        case "DIR": return rest.utf8.first == UInt8(ascii: ":") ? String(rest.unicodeScalars.dropFirst()) : rest
        default: return type.utf8.first == UInt8(ascii: "/") ? name : nil
        }
    }

    private static func state(of path: String, isWritten: Bool) -> EnvironmentFacts.FileState {
        guard access(path, isWritten ? W_OK : R_OK) != 0 else { return .usable }
        guard errno == ENOENT || errno == ENOTDIR else { return .forbidden }
        // A file to be written is created if it does not exist.
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? "."
        return isWritten && access(folder.isEmpty ? "/" : folder, W_OK) == 0 ? .usable : .missing
    }
}
