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
    /// Keys are read one by one with the terminal's own handling off: so an interrupt is read as a key, and
    /// cannot end the process while echo is off.
    static func password(prompt: String) throws -> Secret {
        guard let file = try? FileDescriptor.open("/dev/tty", .readWrite, options: .closeOnExec) else {
            throw ValidationError("There is no terminal to ask for a password: use --password-file.")
        }
        return try file.closeAfter {
            var before = termios()
            guard tcgetattr(file.rawValue, &before) == 0 else { throw Errno(rawValue: errno) }
            var quiet = before
            quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
            TerminalRestorer.begin(file.rawValue, before)
            tcsetattr(file.rawValue, TCSAFLUSH, &quiet)
            defer {
                tcsetattr(file.rawValue, TCSAFLUSH, &before)
                TerminalRestorer.end()
            }
            _ = try file.writeAll(prompt.utf8)
            defer { _ = try? file.writeAll("\n".utf8) }
            return try line(from: file)
        }
    }

    private static func line(from file: FileDescriptor) throws -> Secret {
        var line: [UInt8] = []
        // An array that grows leaves copies behind.
        line.reserveCapacity(LineFile.passwordLimit)
        defer { wipe(&line) }
        while line.count < LineFile.passwordLimit {
            var key: UInt8 = 0
            guard try withUnsafeMutableBytes(of: &key, { try file.read(into: $0) }) == 1 else { break }
            switch key {
            case 0x0A, 0x0D, 0x04: return Secret(bytes: line)
            case 0x03: throw ExitCode(130)
            case 0x1C: throw ExitCode(131)
            case 0x1A: TerminalRestorer.suspend()
            case 0x08, 0x7F: eraseCharacter(of: &line)
            case 0x15: while !line.isEmpty { eraseCharacter(of: &line) }
            case 0x17:
                while line.last == 0x20 { eraseCharacter(of: &line) }
                while let last = line.last, last != 0x20 { eraseCharacter(of: &line) }
            // Other control keys are not part of a password.
            case 0..<0x20: break
            default: line.append(key)
            }
        }
        return Secret(bytes: line)
    }
}

extension Terminal {
    /// A multi-byte character is removed as a whole, and its bytes are overwritten.
    private static func eraseCharacter(of line: inout [UInt8]) {
        while let last = line.last {
            line[line.count - 1] = 0
            line.removeLast()
            if last & 0xC0 != 0x80 { break }
        }
    }
}

/// Files of one line: a password, a connection string.
enum LineFile {
    /// How many bytes a password may have.
    static let passwordLimit = 65_536

    /// The password in a file, or on standard input for `-`.
    static func password(in path: String) throws -> Secret {
        var line = try bytes(of: path, limit: passwordLimit, "The password")
        defer { wipe(&line) }
        return Secret(bytes: line)
    }

    /// The first line of a file, or of standard input for `-`.
    static func firstLine(of path: String, limit: Int, _ what: String) throws -> String {
        var line = try bytes(of: path, limit: limit, what)
        defer { wipe(&line) }
        return String(decoding: line, as: UTF8.self)
    }

    /// All lines of a file, or of standard input for `-`.
    static func lines(of path: String, limit: Int, _ what: String) throws -> [String] {
        do {
            let file =
                path == "-" ? .standardInput : try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            defer { if path != "-" { try? file.close() } }
            var contents: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while contents.count <= limit {
                let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
                guard count > 0 else { break }
                contents += chunk[..<count]
            }
            guard contents.count <= limit else { throw ValidationError("\(what) is longer than \(limit) bytes.") }
            return contents.split(separator: 0x0A).map { line in
                String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
            }
        } catch let error as Errno {
            throw ValidationError("\(what) cannot be read: \(error).")
        }
    }

    private static func bytes(of path: String, limit: Int, _ what: String) throws -> [UInt8] {
        let file: FileDescriptor
        do {
            file =
                path == "-" ? .standardInput : try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        } catch {
            throw ValidationError("\(what) cannot be read: \(error).")
        }
        defer { if path != "-" { try? file.close() } }
        // One array of its full size, as one that grows leaves copies behind.
        var contents = [UInt8](repeating: 0, count: limit + 2)
        defer { wipe(&contents) }
        var (filled, end) = (0, 0)
        do {
            while filled < contents.count, end == filled {
                let count = try contents.withUnsafeMutableBytes {
                    try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
                }
                guard count > 0 else { break }
                let new = contents[filled..<(filled + count)]
                end = new.firstIndex(of: 0x0A) ?? new.endIndex
                filled += count
            }
        } catch {
            throw ValidationError("\(what) cannot be read: \(error).")
        }
        var line = Array(contents[..<end])
        if line.last == 0x0D { line.removeLast() }
        guard line.count <= limit else {
            wipe(&line)
            throw ValidationError("\(what) is longer than \(limit) bytes.")
        }
        guard !line.isEmpty else { throw ValidationError("\(what) is missing: the first line is empty.") }
        return line
    }
}

/// Restores a terminal's echo if a signal ends the process.
private enum TerminalRestorer {
    /// The signals that end a process and may be sent by users.
    private static let signals = [
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGVTALRM, SIGPROF, SIGXCPU,
    ]
    // The signal handler's data: memory at a fixed address, written before the handler is installed.
    private nonisolated(unsafe) static let settings = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    private nonisolated(unsafe) static let descriptor = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    private nonisolated(unsafe) static var undo: [() -> Void] = []

    static func begin(_ file: Int32, _ before: termios) {
        settings.initialize(to: before)
        descriptor.initialize(to: file)
        for number in signals {
            let handler = signal(number) { number in
                tcsetattr(TerminalRestorer.descriptor.pointee, TCSANOW, TerminalRestorer.settings)
                // A signal does not end the first process of a container.
                if getpid() == 1 { _exit(128 + number) }
                signal(number, SIG_DFL)
                raise(number)
            }
            if unsafeBitCast(handler, to: Int.self) == StandardStreams.ignored {
                signal(number, handler)
            } else {
                undo.append { signal(number, handler) }
            }
        }
    }

    /// Like ^Z in the terminal's normal mode: the shell takes over until `fg`.
    static func suspend() {
        var quiet = termios()
        tcgetattr(descriptor.pointee, &quiet)
        tcsetattr(descriptor.pointee, TCSANOW, settings)
        kill(0, SIGTSTP)
        tcsetattr(descriptor.pointee, TCSANOW, &quiet)
    }

    static func end() {
        for step in undo { step() }
        undo = []
    }
}
