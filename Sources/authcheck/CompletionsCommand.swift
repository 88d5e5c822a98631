public import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Prints a script that completes the arguments in a shell.",
        discussion: "For example: authcheck completions bash > /etc/bash_completion.d/authcheck")

    @Argument(help: "The shell.")
    var shell: CompletionShell

    func run() throws {
        try StandardStreams.print(AuthCheck.completionScript(for: shell))
    }
}

extension CompletionShell: @retroactive ExpressibleByArgument {}
