import SASL

/// A command line: `--name value` and arguments without a name. Written here, so that the examples need no other
/// package.
package struct Options {
    package private(set) var arguments: [String] = []
    private var values: [String: [String]] = [:]
    private let usage: String

    /// - Parameters:
    ///   - names: The known options.
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
        self.usage = usage
        guard arguments.count == count else { throw UsageError(description: usage) }
    }

    package subscript(_ name: String) -> String? { values[name]?.last }

    package func all(_ name: String) -> [String] { values[name] ?? [] }

    /// The hash of the certificate that the server shows in the handshake (RFC 5929 section 4), in hexadecimal. These
    /// examples have no TLS: a TLS proxy passes the hash.
    package func channelBinding(_ name: String) throws -> SaslChannelBinding? {
        guard let hex = self[name] else { return nil }
        let digits = hex.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        guard digits.count == hex.utf8.count, digits.count.isMultiple(of: 2), !digits.isEmpty else {
            throw UsageError(description: usage)
        }
        let data = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        return SaslChannelBinding(.tlsServerEndPoint, data: data)
    }
}

package struct UsageError: Error, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = "usage: \(description)"
    }
}
