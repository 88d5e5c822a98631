import Glibc

/// A shell that reports how it parses words. It runs in a folder where nothing can be created, and finds no programs,
/// so that a word that escapes its quotes does no harm.
///
/// One serves all words, as a shell for each would be nearly all that a fuzzer does. The calls are the system's own:
/// libFuzzer's alarm interrupts them, and Foundation takes that for a failure.
struct WordShell {
    private var stream: CInt?

    /// How many words, and these with a space between them: `2:a b`.
    ///
    /// - Throws: ``Violation`` where the shell does not answer, which is what an open quote looks like.
    mutating func arguments(_ words: String) throws(Violation) -> [UInt8] {
        let shell = if let stream { stream } else { try start() }
        stream = shell
        try write(Array("set -- \(words)\nprintf '%s:%s\\0' \"$#\" \"$*\"\n".utf8), to: shell)
        return try answer(of: shell)
    }

    private func start() throws(Violation) -> CInt {
        // A shell that has ended is told by what it does not answer.
        signal(SIGPIPE, SIG_IGN)
        var ends: [CInt] = [0, 0]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Violation("a pair of sockets is made: \(errno)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        let texts = ["sh", "-s", "PATH=/nonexistent", "HOME=/nonexistent", "IFS= "]
        let strings = texts.map { text in strdup(text) }
        defer { strings.forEach { free($0) } }
        var child: pid_t = 0
        let error = posix_spawn(
            &child, "/bin/sh", &actions, nil, Array(strings[..<2]) + [nil], Array(strings[2...]) + [nil])
        close(ends[1])
        guard error == 0 else { throw Violation("sh is started: \(error)") }
        try write(Array("cd /proc/self/fdinfo\n".utf8), to: ends[0])
        return ends[0]
    }

    private func write(_ bytes: [UInt8], to shell: CInt) throws(Violation) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(shell, $0.baseAddress, $0.count) }
            guard count >= 0 || errno == EINTR else { throw Violation("sh reads on: \(errno)") }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    private func answer(of shell: CInt) throws(Violation) -> [UInt8] {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while answer.last != 0 {
            var wait = pollfd(fd: shell, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wait, 1, 5_000)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { throw Violation("sh answers: it waits for the end of a quote") }
            let count = read(shell, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Violation("sh goes on: it has ended") }
            answer += buffer.prefix(count)
        }
        return answer.dropLast()
    }
}
