import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Standard input, output and error.
enum StandardStreams {
    /// Which of the three the process was started with. The others are opened on `/dev/null`, so that nothing that is opened
    /// later takes their numbers, and no connection gets what is printed.
    private static let wereOpen: [Bool] = (STDIN_FILENO...STDERR_FILENO).map { descriptor in
        guard fcntl(descriptor, F_GETFD) < 0 else { return true }
        // The lowest number that is free is this one.
        if open("/dev/null", O_RDWR) < 0 { _ = open("/", O_RDONLY) }
        return false
    }

    /// Must run before anything is opened.
    static func prepare() {
        _ = wereOpen
        // The Swift runtime may have its own idea of it. Who started us to ignore it, as nohup does with SIGHUP, meant that.
        if let inherited = signal(SIGQUIT, SIG_DFL), unsafeBitCast(inherited, to: Int.self) == ignored {
            signal(SIGQUIT, inherited)
        }
        if getpid() == 1 { Self.heedSignals() }
        // A file that may not grow is an error, and no end of the process.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// The first process of a container gets no signal that it does not handle: `docker stop` and ^C would do nothing.
    private static func heedSignals() {
        for number in [SIGHUP, SIGINT, SIGTERM] {
            let inherited = signal(number) { _exit(128 + $0) }
            if let inherited, unsafeBitCast(inherited, to: Int.self) == ignored { signal(number, inherited) }
        }
    }

    /// SIG_IGN, as a number: functions cannot be compared.
    static let ignored = 1

    /// Writes a whole text.
    ///
    /// - Returns: The error's number; `nil` where all of it was written.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32) -> Int32? {
        guard wereOpen[Int(descriptor)] else { return EBADF }
        return write(ArraySlice(text.utf8), to: descriptor)
    }

    /// Writes to any descriptor; gives up where nobody takes any of it for two seconds.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int32? {
        var rest = bytes
        while !rest.isEmpty {
            // In pieces: the call waits until all that it is given is written, and progress is to be seen.
            let count = rest.prefix(4096).withUnsafeBytes { Self.write(descriptor, $0) }
            if count > 0 {
                rest = rest.dropFirst(count)
                if descriptor == STDOUT_FILENO { LastResort.wrote() }
            } else if errno == EAGAIN {
                // Somebody made it non-blocking, and nobody reads.
                guard isWritable(descriptor, within: 2000) else { return EAGAIN }
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }

    /// Prints a text and a line break on standard output. What cannot be written is a failure, whatever the text says.
    static func print(_ text: String) throws {
        guard let error = write(text + "\n", to: STDOUT_FILENO) ?? closingError(of: STDOUT_FILENO) else { return }
        if error == EPIPE {
            // As for every program whose reader has gone.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        Diagnostics.print("the report could not be written: \(String(cString: strerror(error)))")
        throw ExitCode(74)
    }

    /// What a file system says of what was written only when a descriptor is closed, as NFS does.
    private static func closingError(of descriptor: Int32) -> Int32? {
        let copy = dup(descriptor)
        return copy >= 0 && close(copy) != 0 && errno != EINTR ? errno : nil
    }

    static func isWritable(_ descriptor: Int32, within milliseconds: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, milliseconds) > 0
    }

    private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
        Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
