import Foundation

/// A session keyring of the kernel that several processes share, for caches of the type `KEYRING`.
///
/// It is found by its name as long as its holder lives, and its keys are removed with the last process that has it. The
/// tests' own process never joins it.
package final class SessionKeyring: Sendable {
    /// What runs a program in it: a program and its arguments, to be followed by those of the other.
    package let wrapper: [String]
    private let holder: ServerProcess

    /// Makes one.
    package static func start() async throws -> SessionKeyring {
        let keyctl = try BuiltExecutable.system("keyctl", package: "keyutils")
        let name = "mongo-sasl-\(UUID().uuidString)"
        do {
            let holder = try await ServerProcess(
                keyctl, ["session", name, "/bin/sh", "-c", script, "keyring", keyctl.path], environment: [:])
            return SessionKeyring([keyctl.path, "session", name], holder)
        } catch {
            throw TestSupportError(
                "no session keyring could be made: the kernel has none (CONFIG_KEYS), or forbids them here, as the "
                    + "seccomp profile of a container does that is not privileged. \(error)")
        }
    }

    private init(_ wrapper: [String], _ holder: ServerProcess) {
        self.wrapper = wrapper
        self.holder = holder
    }

    /// Releases it, with all its keys.
    package func stop() async throws {
        try await holder.stop()
    }

    /// Who joins a keyring by its name needs the right to search it, which a new one gives to nobody.
    private static let script = """
        "$1" setperm @s 0x3f1f0000 || exit 1
        echo '{"listening": []}'
        exec cat
        """
}
