public import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Prints a script that completes the arguments in a shell.",
        discussion: "For example: testrealm completions bash > /etc/bash_completion.d/testrealm")

    @Argument(help: "The shell.")
    var shell: CompletionShell

    func run() {
        TestRealm.writeAll(TestRealm.completionScript(for: shell), to: 1)
    }
}

extension CompletionShell: @retroactive ExpressibleByArgument {}
