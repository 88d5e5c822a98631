import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The Kerberos library's own trace. The library takes the file's name from the environment when its first context is
/// created, and reports no error if it cannot write there.
enum KerberosTrace {
    /// Must be called while nothing else runs yet: it changes the environment of the process.
    static func begin(_ file: String) throws {
        let path = file == "-" ? "/dev/stderr" : file
        // Does not wait for a reader of a named pipe.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            throw ValidationError("the trace cannot be written to \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        // The library waits as long as there is no reader.
        let isFile = fstat(descriptor, &status) == 0 && [S_IFREG, S_IFCHR].contains(status.st_mode & S_IFMT)
        var standardError = stat()
        let isStandardError =
            fstat(STDERR_FILENO, &standardError) == 0 && standardError.st_dev == status.st_dev
            && standardError.st_ino == status.st_ino
        guard isFile || isStandardError
        else { throw ValidationError("the trace cannot be written to \(path): it is not a file or device") }
        setenv("KRB5_TRACE", path, 1)
    }
}
