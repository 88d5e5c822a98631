/// A configuration file with placeholders, the same for this kit and for the containers.
///
/// A line with only `@NAME@` is replaced by any number of lines, each with that line's indentation;
/// `@NAME@` within a line is replaced by its one-line value.
struct RealmTemplate {
    let text: String

    init(_ bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The file, with all placeholders replaced.
    func filled(_ values: [String: [String]]) throws(KerberosTestKitError) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n") {
            let words = line.drop { $0 == " " }
            if words.hasPrefix("@"), words.hasSuffix("@"), let several = values[String(words.dropFirst().dropLast())] {
                lines += several.map { line.prefix(line.count - words.count) + $0 }
                continue
            }
            var pieces = line.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
            for index in pieces.indices where index % 2 == 1 {
                guard let value = values[pieces[index]], value.count == 1 else {
                    throw KerberosTestKitError(
                        .fileSystem, "a template has a placeholder \(pieces[index]) without a value")
                }
                pieces[index] = value[0]
            }
            lines.append(pieces.joined())
        }
        return lines.map { "\($0)\n" }.joined()
    }
}
