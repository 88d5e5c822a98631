import Glibc
internal import Subprocess
internal import SystemPackage

/// A program of MIT Kerberos: where it is, and which Debian package has it.
package struct KerberosTool: Sendable {
    let name: String
    let package: String
    /// The only folders to look into; `nil` means `PATH` and the system's.
    var folders: [String]?

    /// Describes a program.
    package init(name: String, package: String) {
        self.init(name: name, package: package, folders: nil)
    }

    private init(name: String, package: String, folders: [String]?) {
        (self.name, self.package, self.folders) = (name, package, folders)
    }

    static let krb5kdc = KerberosTool(name: "krb5kdc", package: "krb5-kdc")
    static let kdb5Util = KerberosTool(name: "kdb5_util", package: "krb5-kdc")
    static let kadminLocal = KerberosTool(name: "kadmin.local", package: "krb5-admin-server")
    static let samba = KerberosTool(name: "samba", package: "samba")
    /// Debian's own, which finds Samba's modules; another one, for example of a virtual environment, does not.
    static let debianPython = KerberosTool(name: "python3", package: "python3-samba", folders: ["/usr/bin"])
    static let kinit = KerberosTool(name: "kinit", package: "krb5-user")

    /// The folders of administrators' programs; an ordinary user's `PATH` lacks them on Debian.
    private static let systemFolders = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/usr/local/bin", "/bin"]

    /// The program's path: from `PATH`, else from the folders for system programs.
    package func locate(searching path: String? = nil) throws(KerberosTestKitError) -> String {
        if let folders {
            for folder in folders where Self.isProgram("\(folder)/\(name)") { return "\(folder)/\(name)" }
            throw KerberosTestKitError(
                .toolMissing,
                "\(folders.joined(separator: ":"))/\(name) is missing: install the Debian package \(package) (apt-get install \(package))"
            )
        }
        let searched = path ?? getenv("PATH").map { String(cString: $0) } ?? ""
        let folders = searched.unicodeScalars.split(separator: ":").map(String.init).filter {
            $0.utf8.first == UInt8(ascii: "/")
        }
        for folder in folders + (path == nil ? Self.systemFolders : []) {
            let candidate = "\(folder)/\(name)"
            if Self.isProgram(candidate) { return candidate }
        }
        throw KerberosTestKitError(
            .toolMissing,
            "\(name) was not found in PATH or /usr/sbin: install the Debian package \(package) (apt-get install \(package))"
        )
    }

    /// Whether a path is a regular file that this process may execute. A folder may be "executable", too.
    package static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    /// The result of a finished program.
    struct Outcome: Sendable {
        var succeeded: Bool
        var output: String
        var error: String
    }

    /// Runs the program to its end with `input` on its standard input.
    ///
    /// With a container it runs in one of the realm's image. Passwords go through `input`, never through `arguments`,
    /// which every user of the machine can read.
    func run(
        _ arguments: [String], environment: [String: String], input: String = "", in files: RealmFiles,
        container: ContainerEngine? = nil
    ) async throws(KerberosTestKitError) -> Outcome {
        let path: String
        if let container { path = container.program } else { path = try locate() }
        let words = container?.words(toRun: self, arguments) ?? arguments
        let environment = container?.environment(environment) ?? environment
        // A file and not a pipe: a program that ends without reading would raise SIGPIPE in our process.
        let stdin = try AnonymousFile.holding(input, in: files.folder)
        do {
            let result = try await Subprocess.run(
                .path(FilePath(path)),
                arguments: Arguments(words),
                environment: .of(environment),
                workingDirectory: FilePath(files.folder),
                input: .fileDescriptor(stdin, closeAfterSpawningProcess: true),
                output: .string(limit: 4 << 20),
                error: .string(limit: 4 << 20)
            )
            if Task.isCancelled { throw CancellationError() }
            return Outcome(
                succeeded: result.terminationStatus.isSuccess,
                output: result.standardOutput,
                error: result.standardError.trimmed
            )
        } catch {
            if Task.isCancelled {
                throw KerberosTestKitError(.cancelled, "the task was cancelled while \(name) ran")
            }
            throw KerberosTestKitError(.toolFailed, "\(name) could not be run", underlying: error)
        }
    }

    /// Runs the program and throws unless it exits with status 0.
    @discardableResult
    func runSuccessfully(
        _ arguments: [String], environment: [String: String], input: String = "", in files: RealmFiles,
        container: ContainerEngine? = nil, to purpose: String
    ) async throws(KerberosTestKitError) -> Outcome {
        let outcome = try await run(
            arguments, environment: environment, input: input, in: files, container: container)
        guard outcome.succeeded else {
            throw KerberosTestKitError(.toolFailed, "\(name) could not \(purpose)", standardError: outcome.error)
        }
        return outcome
    }
}

/// Files without a name: readable once, removed with their descriptor.
enum AnonymousFile {
    /// An open descriptor at the start of a file with these contents; the caller closes it.
    static func holding(_ contents: String, in folder: String) throws(KerberosTestKitError) -> FileDescriptor {
        let path = "\(folder)/input-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        do {
            let file = try FileDescriptor.open(
                path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
            unlink(path)
            do {
                try file.writeAll(contents.utf8)
                _ = try file.seek(offset: 0, from: .start)
                return file
            } catch {
                try? file.close()
                throw error
            }
        } catch {
            throw KerberosTestKitError(.fileSystem, "\(path) could not be written", underlying: error)
        }
    }
}

extension Environment {
    /// Exactly these variables.
    static func of(_ variables: [String: String]) -> Environment {
        var keyed: [Environment.Key: String] = [:]
        for (name, value) in variables {
            if let key = Environment.Key(rawValue: name) {
                keyed[key] = value
            }
        }
        return .custom(keyed)
    }
}

extension String {
    /// Without white space at either end.
    var trimmed: String {
        let scalars = unicodeScalars.drop { $0.properties.isWhitespace }
        guard let last = scalars.lastIndex(where: { !$0.properties.isWhitespace }) else { return "" }
        return String(scalars[...last])
    }

    /// A host before a port: an IPv6 address in brackets.
    package var bracketed: String { utf8.contains(UInt8(ascii: ":")) ? "[\(self)]" : self }
}
