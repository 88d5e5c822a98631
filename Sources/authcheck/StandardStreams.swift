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
    /// Which of the three the process was started with. The others are opened on `/dev/null`, so that no later
    /// descriptor takes their numbers, and no connection gets the output.
    private static let wereOpen: [Bool] = (STDIN_FILENO...STDERR_FILENO).map { descriptor in
        guard fcntl(descriptor, F_GETFD) < 0 else { return true }
        // The lowest number that is free is this one.
        if open("/dev/null", O_RDWR) < 0 { _ = open("/", O_RDONLY) }
        return false
    }

    /// Must run before anything is opened.
    static func prepare() {
        _ = wereOpen
        // The Swift runtime may have changed it. If it is ignored at the start, as by nohup, that is kept.
        if let inherited = signal(SIGQUIT, SIG_DFL), unsafeBitCast(inherited, to: Int.self) == ignored {
            signal(SIGQUIT, inherited)
        }
        if getpid() == 1 { Self.heedSignals() }
        // Exceeding a file size limit is an error, and must not end the process.
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

    /// Writes to any descriptor; gives up if the reader takes nothing for two seconds.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int32? {
        var rest = bytes
        while !rest.isEmpty {
            // In pieces: the call blocks until all of its data is written, and progress has to be detected.
            let count = rest.prefix(4096).withUnsafeBytes { Self.write(descriptor, $0) }
            if count > 0 {
                rest = rest.dropFirst(count)
                if descriptor == STDOUT_FILENO { LastResort.wrote() }
            } else if errno == EAGAIN {
                // The descriptor is non-blocking, and the reader is slow.
                guard isWritable(descriptor, within: 2000) else { return EAGAIN }
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }

    /// Prints a text and a line break on standard output. A failure to write is a failure, whatever the text says.
    static func print(_ text: String) throws {
        guard let error = write(text + "\n", to: STDOUT_FILENO) ?? closingError(of: STDOUT_FILENO) else { return }
        if error == EPIPE {
            // As for any program whose reader has gone.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        Diagnostics.print("the report could not be written: \(String(cString: strerror(error)))")
        throw ExitCode(74)
    }

    /// The error that a file system reports only on close, such as NFS.
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
