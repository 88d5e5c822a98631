import ArgumentParser
import SASL
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The terminal that the process was started from, whatever its standard input is.
enum Terminal {
    /// Asks for a password without showing it.
    ///
    /// Keys are read one by one with the terminal's own handling off: so an interrupt is read as a key, and cannot end
    /// the process while the terminal shows nothing.
    static func password(prompt: String) throws -> Secret {
        guard let file = try? FileDescriptor.open("/dev/tty", .readWrite, options: .closeOnExec) else {
            throw ValidationError("There is no terminal to ask for a password: use --password-file.")
        }
        return try file.closeAfter {
            var before = termios()
            guard tcgetattr(file.rawValue, &before) == 0 else { throw Errno(rawValue: errno) }
            var quiet = before
            quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
            tcsetattr(file.rawValue, TCSAFLUSH, &quiet)
            defer { tcsetattr(file.rawValue, TCSAFLUSH, &before) }
            _ = try file.writeAll(prompt.utf8)
            defer { _ = try? file.writeAll("\n".utf8) }
            return try line(from: file)
        }
    }

    private static func line(from file: FileDescriptor) throws -> Secret {
        var line: [UInt8] = []
        // An array that grows leaves copies behind.
        line.reserveCapacity(PasswordFile.limit)
        defer { wipe(&line) }
        while line.count < PasswordFile.limit {
            var key: UInt8 = 0
            guard try withUnsafeMutableBytes(of: &key, { try file.read(into: $0) }) == 1 else { break }
            switch key {
            case 0x0A, 0x0D, 0x04: return Secret(bytes: line)
            case 0x03: throw ExitCode(130)
            case 0x08, 0x7F:
                // A character of several bytes goes as a whole.
                while let last = line.last {
                    line[line.count - 1] = 0
                    line.removeLast()
                    if last & 0xC0 != 0x80 { break }
                }
            case 0x15:
                wipe(&line)
                line.reserveCapacity(PasswordFile.limit)
            default: line.append(key)
            }
        }
        return Secret(bytes: line)
    }
}

/// A file with a password.
enum PasswordFile {
    /// How many bytes a password may have.
    static let limit = 65_536

    /// The first line of a file, or of standard input for `-`.
    static func firstLine(of path: String) throws -> Secret {
        let file: FileDescriptor
        do {
            file =
                path == "-" ? .standardInput : try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        } catch {
            throw ValidationError("The password file cannot be read: \(error).")
        }
        defer { if path != "-" { try? file.close() } }
        var line: [UInt8] = []
        // An array that grows leaves copies behind.
        line.reserveCapacity(limit)
        defer { wipe(&line) }
        while line.count < limit {
            var byte: UInt8 = 0
            guard try withUnsafeMutableBytes(of: &byte, { try file.read(into: $0) }) == 1, byte != 0x0A else { break }
            line.append(byte)
        }
        if line.last == 0x0D { line.removeLast() }
        guard !line.isEmpty else { throw ValidationError("The password file has no password on its first line.") }
        return Secret(bytes: line)
    }
}
