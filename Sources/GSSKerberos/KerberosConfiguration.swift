internal import CKerberosGSSAPI
public import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The files of the Kerberos configuration, each read separately, and their combined settings.
public struct KerberosConfiguration: Sendable, Hashable {
    /// The state of a file.
    @nonexhaustive
    public enum State: Sendable, Hashable {
        /// Its settings count.
        case read
        /// There is no such file, which is no error to libkrb5 where another one was read.
        case missing
        /// The system refused to read it, with this error number.
        case unreadable(errno: Int32)
        /// It is malformed: the line, if known, and why.
        case malformed(line: Int?, reason: String)
    }

    /// One file, or a missing folder of files.
    public struct File: Sendable, Hashable {
        /// The file's path, from `KRB5_CONFIG` or the including line.
        public var path: String
        /// Whether its settings count, and why not.
        public var state: State
        /// The file that includes it; `nil` for one that the library starts with.
        public var includedBy: String?
        /// The line of the include.
        public var includedAt: Int?

        /// Creates a description.
        public init(path: String, state: State, includedBy: String? = nil, includedAt: Int? = nil) {
            (self.path, self.state, self.includedBy, self.includedAt) = (path, state, includedBy, includedAt)
        }
    }

    /// One setting of `[libdefaults]`.
    public struct Setting: Sendable, Hashable {
        /// The word before the `=`, such as `default_realm`.
        public var name: String
        /// Its value, verbatim; `nil` if no file has one.
        public var value: String?
        /// The file that it comes from, if known.
        public var file: String?
        /// Its line there.
        public var line: Int?

        /// Creates a description.
        public init(name: String, value: String?, file: String? = nil, line: Int? = nil) {
            (self.name, self.value, self.file, self.line) = (name, value, file, line)
        }
    }

    /// The settings that are reported.
    public static let settingNames = [
        "default_realm", "dns_lookup_kdc", "dns_lookup_realm", "dns_canonicalize_hostname", "rdns",
        "permitted_enctypes", "default_tkt_enctypes", "default_tgs_enctypes", "allow_weak_crypto", "allow_rc4",
        "allow_des3", "clockskew", "udp_preference_limit", "default_ccache_name", "default_client_keytab_name",
        "forwardable",
    ]
    /// How many files are reported.
    public static let mostFiles = 200

    /// The files in the order in which the library reads them; the first value of a setting counts.
    public var files: [File] = []
    /// How many more there are.
    public var moreFiles = 0
    /// The main settings of `[libdefaults]`; empty if nothing could be read.
    public var settings: [Setting] = []
    /// `default_realm`, for principals that are written without one; `nil` where there is none.
    public var defaultRealm: String?
    /// The encryption types that may be used here, the best first.
    public var permittedEncryptionTypes: [String] = []
    /// `clockskew`: how far two clocks may differ, 300 seconds unless the configuration says otherwise.
    public var allowedClockSkew = Duration.seconds(300)
    /// The default cache by its name.
    public var defaultCache: String?
    /// Why the library cannot start; `nil` if it can.
    public var problem: GSSError?

    /// Creates a description of nothing.
    public init() {}

    /// Reads the configuration, and may block.
    public static func current() -> KerberosConfiguration {
        var configuration = KerberosConfiguration()
        var walk = ConfigurationWalk()
        var isBounded = true
        do throws(GSSError) {
            try ConfigurationIncludes.check()
        } catch {
            // Endless includes: only their start can be reported.
            (configuration.problem, isBounded) = (error, false)
        }
        for path in ConfigurationWalk.beginnings() { walk.visit(path, followsIncludes: isBounded) }
        (configuration.files, configuration.moreFiles) = (walk.files, walk.more)
        guard isBounded else { return configuration }
        do throws(GSSError) {
            let library = try KerberosLibrary()
            configuration.read(library, walk.relations)
        } catch {
            configuration.problem = error
        }
        return configuration
    }

    private mutating func read(_ library: KerberosLibrary, _ relations: [ConfigurationWalk.Relation]) {
        defaultRealm = library.defaultRealm()
        permittedEncryptionTypes = library.permittedEncryptionTypes()
        allowedClockSkew = library.allowedClockSkew()
        defaultCache = krb5_cc_default_name(library.context).map { String(cString: $0) }
        guard let profile = KerberosProfile(library) else { return }
        settings = Self.settingNames.map { name in
            guard let value = profile.values("libdefaults", name).first else { return Setting(name: name, value: nil) }
            // If the two readings differ, no location is reported.
            let place = relations.first { $0.path == ["libdefaults", name] }.flatMap {
                isSameText($0.value, value) ? $0 : nil
            }
            return Setting(name: name, value: value, file: place?.file, line: place?.line)
        }
    }
}

/// Reads the files of the configuration, in the library's order.
private struct ConfigurationWalk {
    struct Relation {
        var path: [String]
        var value: String
        var file: String
        var line: Int
    }

    private(set) var files: [KerberosConfiguration.File] = []
    private(set) var more = 0
    private(set) var relations: [Relation] = []

    /// The files that the library starts with, whether they exist or not.
    static func beginnings() -> [String] {
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        guard krb5_get_default_config_files(&list) == 0, let list else { return [] }
        defer { krb5_free_config_files(list) }
        var (paths, position) = ([String](), list)
        while let path = position.pointee {
            paths.append(String(cString: path))
            position += 1
        }
        return paths
    }

    /// - Parameter followsIncludes: Whether the includes terminate.
    mutating func visit(_ path: String, followsIncludes: Bool, from includer: String? = nil, at line: Int? = nil) {
        guard files.count < KerberosConfiguration.mostFiles else {
            more += 1
            return
        }
        let index = files.count
        files.append(.init(path: path, state: .read, includedBy: includer, includedAt: line))
        let status = access(path, R_OK) == 0 ? 0 : errno
        guard status == 0 else {
            files[index].state = [ENOENT, ENOTDIR].contains(status) ? .missing : .unreadable(errno: status)
            return
        }
        guard let (_, bytes) = ConfigurationIncludes.contents(of: path) else {
            // A device, or a file that is far too long: only the library's own error can be reported.
            files[index].state = Self.library(path) ?? .read
            return
        }
        let lines = ConfigurationLines(bytes)
        var isComplete = true
        for item in lines.items {
            switch item {
            case .relation(let names, let value, let line):
                relations.append(Relation(path: names, value: value, file: path, line: line))
            case .include(let other, let isFolder, let line):
                guard followsIncludes else { continue }
                let before = files.count
                if isFolder {
                    visitFolder(other, from: path, at: line)
                } else {
                    visit(other, followsIncludes: true, from: path, at: line)
                }
                isComplete = isComplete && files[before...].allSatisfy { $0.state == .read }
            }
        }
        if let fault = lines.fault {
            files[index].state = .malformed(line: fault.line, reason: fault.text)
        } else if followsIncludes, isComplete, let state = Self.library(path) {
            files[index].state = state
        }
    }

    private mutating func visitFolder(_ folder: String, from includer: String, at line: Int) {
        guard access(folder, R_OK | X_OK) == 0 else {
            let status = errno
            guard files.count < KerberosConfiguration.mostFiles else {
                more += 1
                return
            }
            files.append(
                .init(
                    path: folder,
                    state: [ENOENT, ENOTDIR].contains(status) ? .missing : .unreadable(errno: status),
                    includedBy: includer, includedAt: line))
            return
        }
        for name in ConfigurationIncludes.entries(of: folder).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        {
            visit("\(folder)/\(name)", followsIncludes: true, from: includer, at: line)
        }
    }

    /// The library's own error for a file; `nil` if there is none.
    private static func library(_ path: String) -> KerberosConfiguration.State? {
        do throws(ProfileFailure) {
            _ = try KerberosProfile(file: path)
            return nil
        } catch {
            let message = krb5_get_error_message(nil, error.code)
            defer { krb5_free_error_message(nil, message) }
            let text = message.map { String(cString: $0) } ?? "code \(error.code)"
            return .malformed(
                line: nil, reason: KerberosFailure.symbolicName(of: error.code).map { "\(text) (\($0))" } ?? text)
        }
    }
}

extension KerberosLibrary {
    /// The encryption types that the configuration permits, the best first.
    fileprivate func permittedEncryptionTypes() -> [String] {
        var list: UnsafeMutablePointer<krb5_enctype>?
        guard krb5_get_permitted_enctypes(context, &list) == 0, let list else { return [] }
        defer { krb5_free_enctypes(context, list) }
        var (names, position) = ([String](), list)
        while position.pointee != 0, names.count < 64 {
            names.append(encryptionTypeName(position.pointee))
            position += 1
        }
        return names
    }
}
