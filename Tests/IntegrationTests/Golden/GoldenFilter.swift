import Foundation

/// Masks what differs from run to run in a report, and nothing else. Host names, addresses, ports, paths and realms are the same
/// in every run, as ``GoldenWorld`` has them.
///
/// A text is broken into lines before it comes here. So what is masked must be equally long in every run, or stand where no line
/// is broken:
///
/// | what | becomes |
/// |---|---|
/// | a time in milliseconds in its column | `0.0 ms`, as far to the right |
/// | any other time in milliseconds | `0.0 ms` |
/// | what a KDC's address did, in several lines | one line |
/// | a date, and a time of day with it | `2000-01-01`, `2000-01-01T00:00:00Z` |
/// | the last number of a time in words (`9 h 59 min`, `3 h 25 min 45 s`) | noughts, as many |
/// | a KDC's clock that is off by some seconds | `the same, to the second` |
/// | what the kernel says of this machine's clock | `not synchronized`, without its warning |
/// | in JSON, numbers of milliseconds, of seconds left, and clock offsets | `0` |
/// | in JSON, the version of the program | `0.0.0` |
enum GoldenFilter {
    static func text(_ text: String) -> String {
        times(
            addresses(clocks(text)).replacing(/\ {2,}\d+\.\d ms/) { match in
                String(repeating: " ", count: match.output.count - 6) + "0.0 ms"
            }
            .replacing(/\d+\.\d to \d+\.\d ms/) { _ in "0.0 to 0.0 ms" }
            .replacing(/\d+(?:\.\d)? ms/) { _ in "0.0 ms" })
    }

    /// Where such a line is broken depends on the times in it.
    private static func addresses(_ text: String) -> String {
        text.replacing(/(?m)^(    (?:\d+\.){3}\d+: .*)\n    (?! |its clock|(?:\d+\.){3}\d+: )(.+)$/) { match in
            "\(match.1) \(match.2)"
        }
    }

    /// KDCs tell their time in seconds, and machines are synchronized or not.
    private static func clocks(_ text: String) -> String {
        text.replacing(/(its clock|the KDC's): \d s (behind|ahead)/) { match in "\(match.1): the same, to the second" }
            .replacing(/! the kernel says that this machine's clock [^!✗]*?chronyc tracking\n/) { _ in "" }
            .replacing("  synchronized, according to the kernel", with: "  not synchronized, according to the kernel")
            .replacing(
                "  the kernel does not say whether it is synchronized",
                with: "  not synchronized, according to the kernel"
            )
    }

    static func json(_ text: String) -> String {
        let numbers = #/"((?:[a-zA-Z]*[mM]illiseconds)|secondsLeft|clockOffsetSeconds|kdcOffsetSeconds)" : -?[0-9.e-]+/#
        let kernel =
            /(?:,\n)?    \{\n      "class" : null,\n      "diagnosis" : \{\n        "cause" : "the kernel says [^{}\[]*\[[^\]]*\]\n      \},\n      "severity" : "warning"\n    \}/
        return Self.text(
            text.replacing(kernel) { _ in "" }
                .replacing(/"synchronized" : (true|false|null)/) { _ in "\"synchronized\" : false" }
                .replacing(numbers) { match in "\"\(match.1)\" : 0" }
                .replacing(/"version" : "[0-9][^"]*"/) { _ in "\"version\" : \"0.0.0\"" })
    }

    private static func times(_ text: String) -> String {
        text.replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) { _ in "2000-01-01T00:00:00Z" }
            .replacing(/\b\d{4}-\d\d-\d\d\b/) { _ in "2000-01-01" }
            .replacing(/((?:\d+ (?:d|h|min)\s+)*)(\d+) (d|h|min|s)\b/) { match in
                "\(match.1)\(String(repeating: "0", count: match.2.count)) \(match.3)"
            }
    }
}
