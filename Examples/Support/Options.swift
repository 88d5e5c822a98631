/// A command line: `--name value` and what stands without a name. The examples' own, so that they need no other package.
package struct Options {
    package private(set) var arguments: [String] = []
    private var values: [String: [String]] = [:]

    /// - Parameters:
    ///   - names: The options that there are.
    ///   - count: How many arguments there must be.
    /// - Throws: ``UsageError``.
    package init(_ commandLine: [String] = CommandLine.arguments, names: Set<String>, count: Int, usage: String) throws
    {
        var rest = commandLine.dropFirst()
        while let word = rest.popFirst() {
            if names.contains(word), let value = rest.popFirst() {
                values[word, default: []].append(value)
            } else if word.utf8.starts(with: "--".utf8) {
                throw UsageError(description: "\(word)? \(usage)")
            } else {
                arguments.append(word)
            }
        }
        guard arguments.count == count else { throw UsageError(description: usage) }
    }

    package subscript(_ name: String) -> String? { values[name]?.last }

    package func all(_ name: String) -> [String] { values[name] ?? [] }
}

package struct UsageError: Error, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = "usage: \(description)"
    }
}
