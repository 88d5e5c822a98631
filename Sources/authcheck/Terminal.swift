import ArgumentParser
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
    static func password(prompt: String) throws -> [UInt8] {
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

    private static func line(from file: FileDescriptor) throws -> [UInt8] {
        var line: [UInt8] = []
        while true {
            var key: UInt8 = 0
            guard try withUnsafeMutableBytes(of: &key, { try file.read(into: $0) }) == 1 else { return line }
            switch key {
            case 0x0A, 0x0D, 0x04: return line
            case 0x03: throw ExitCode(130)
            case 0x08, 0x7F:
                // A character of several bytes goes as a whole.
                while let last = line.popLast(), last & 0xC0 == 0x80 {}
            case 0x15: line.removeAll()
            default: line.append(key)
            }
        }
    }
}

/// A file with a password.
enum PasswordFile {
    /// The first line of a file, or of standard input for `-`.
    static func firstLine(of path: String) throws -> [UInt8] {
        let file: FileDescriptor
        do {
            file =
                path == "-" ? .standardInput : try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        } catch {
            throw ValidationError("The password file cannot be read: \(error).")
        }
        defer { if path != "-" { try? file.close() } }
        var line: [UInt8] = []
        while line.count < 65_536 {
            var byte: UInt8 = 0
            guard try withUnsafeMutableBytes(of: &byte, { try file.read(into: $0) }) == 1, byte != 0x0A else { break }
            line.append(byte)
        }
        if line.last == 0x0D { line.removeLast() }
        guard !line.isEmpty else { throw ValidationError("The password file has no password on its first line.") }
        return line
    }
}
