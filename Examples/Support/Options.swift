/// A command line: `--name value` and what stands without a name. The examples' own, so that they need no other package.
public struct Options {
    public private(set) var arguments: [String] = []
    private var values: [String: [String]] = [:]

    /// - Parameters:
    ///   - names: The options that there are.
    ///   - count: How many arguments there must be.
    /// - Throws: ``UsageError``.
    public init(_ commandLine: [String] = CommandLine.arguments, names: Set<String>, count: Int, usage: String) throws {
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

    public subscript(_ name: String) -> String? { values[name]?.last }

    public func all(_ name: String) -> [String] { values[name] ?? [] }
}

public struct UsageError: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) {
        self.description = "usage: \(description)"
    }
}

