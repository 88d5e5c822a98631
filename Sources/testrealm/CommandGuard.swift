import Subprocess
import SystemPackage

/// The process that tells the command to end when this program was killed and cannot tell it any more.
///
/// By then the realm is going, and the command would run on without one. The guard is a shell of a few lines: it
/// reads the command's number from a pipe whose other end only we hold, and the end of that pipe without a last word
/// is our death.
enum CommandGuard {
    /// The command's time of birth tells it from another process that has got its number since.
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

    /// Runs `body`, which starts the command and tells its number.
    static func watching<Result: Sendable>(
        _ body: (_ tell: (Int32) async throws -> Void) async throws -> Result
    ) async throws -> Result {
        var options = PlatformOptions()
        // A session of its own: what ends the jobs of a terminal ends us, and not the guard.
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
