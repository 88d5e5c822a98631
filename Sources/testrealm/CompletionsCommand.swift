import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Prints a script that completes the arguments in a shell.",
        discussion: "For example: testrealm completions bash > /etc/bash_completion.d/testrealm")

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash
        case zsh
        case fish

        var argumentParserShell: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "The shell.")
    var shell: Shell

    func run() {
        TestRealm.writeAll(TestRealm.completionScript(for: shell.argumentParserShell) + "\n", to: 1)
    }
}
