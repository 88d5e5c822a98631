import Subprocess
import SystemPackage

/// The process that ends the command if this program is killed.
///
/// The realm is then removed, and the command would continue without one. The guard is a shell of a few lines: it
/// reads the command's process id from a pipe whose other end only we hold; if that pipe closes without a final line,
/// this program was killed.
enum CommandGuard {
    /// The command's start time distinguishes it from a later process with the same id.
    private static let script = """
        trap '' HUP INT QUIT TERM PIPE
        born() {
            line=$(cat "/proc/$1/stat") || return
            set -- ${line##*) }
            echo "${20}"
        }
        read -r command || exit 0
        birth=$(born "$command")
        read -r over && exit 0
        [ -n "$birth" ] && [ "$(born "$command")" = "$birth" ] && kill -TERM "$command"
        """

    /// Runs `body`, which starts the command and reports its process id.
    static func watching<Result: Sendable>(
        _ body: (_ tell: (Int32) async throws -> Void) async throws -> Result
    ) async throws -> Result {
        var options = PlatformOptions()
        // A session of its own: signals to a terminal's jobs end us, and not the guard.
        options.createSession = true
        let outcome = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", script, "testrealm-command-guard"], platformOptions: options,
            input: .inputWriter, output: .discarded, error: .discarded
        ) { execution in
            let writer = execution.standardInputWriter
            let result = try await body { number in _ = try await writer.write("\(number)\n") }
            _ = try await writer.write("over\n")
            try await writer.finish()
            return result
        }
        return outcome.closureResult
    }
}
