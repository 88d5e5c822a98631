import Glibc
import KerberosTestKit

/// A copy of this program that outlives this process.
enum Background {
    /// Starts the copy, forwards its output until it closes it, and returns the exit status.
    static func start(_ arguments: [String]) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw failure("no socket pair")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let words: [UnsafeMutablePointer<CChar>?] = (["testrealm"] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, "/proc/self/exe", &actions, nil, words, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard status == 0 else { throw failure("no second process") }

        var printed = false
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            printed = true
            TestRealm.writeAll(String(decoding: buffer[..<count], as: UTF8.self), to: 1)
        }
        if printed { return 0 }
        var ending: Int32 = 0
        while waitpid(process, &ending, 0) < 0 && errno == EINTR {}
        let code = (ending >> 8) & 0xFF
        return code == 0 ? TestRealm.ownFailure : code
    }

    /// For the copy: signals to the terminal's jobs do not end their realm.
    static func leaveSession() {
        setsid()
    }

    /// Closes the output, so that its reader gets end of file.
    static func releaseOutput() {
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        dup2(null, 1)
        close(null)
    }

    private static func failure(_ what: String) -> KerberosTestKitError {
        KerberosTestKitError(.fileSystem, "\(what): \(String(cString: strerror(errno)))")
    }
}
