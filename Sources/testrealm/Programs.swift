import Glibc
import KerberosTestKit
import Subprocess
import SystemPackage

/// The package's other programs.
enum Programs {
    /// The path of one.
    static func beside(_ name: String) throws -> FilePath {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
            throw KerberosTestKitError(.fileSystem, "the program's own path is unknown; is /proc mounted?")
        }
        let program = FilePath(platformString: buffer).removingLastComponent().appending(name)
        guard KerberosTool.isProgram(program.string) else {
            throw KerberosTestKitError(
                .toolMissing, "\(program) is missing: build it with `swift build --product \(name)`")
        }
        return program
    }
}

extension [String: String] {
    /// This process's environment with these variables over it.
    var forChild: Environment {
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in self { variables[Environment.Key(stringLiteral: name)] = value }
        return .inherit.updating(variables)
    }
}

extension PlatformOptions {
    /// For a program that writes a report when a signal ends it, such as a terminal's, which both processes get.
    static var withTimeToEnd: PlatformOptions {
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        return options
    }
}

extension TerminationStatus {
    /// The exit status as in a shell: 128 plus the signal's number if a signal ended the program.
    var exitStatus: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}
