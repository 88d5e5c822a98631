/// Text as one word for `sh` (POSIX, "Shell Command Language", section 2.2). It only protects against the shell: a
/// program may still treat a word that begins with `-` as an option.
package enum ShellWord {
    /// The word unchanged if it has no character with a meaning to a shell, else in apostrophes.
    package static func quoted(_ text: String) -> String {
        isPlain(text) ? text : inApostrophes(text)
    }

    /// By scalars: a combining mark after an apostrophe must not hide it.
    package static func inApostrophes(_ text: String) -> String {
        let parts = text.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false).map(String.init)
        return "'" + parts.joined(separator: "'\\''") + "'"
    }

    /// Whether a word has only ASCII letters, digits and some signs without a special meaning.
    package static func isPlain(_ word: String) -> Bool {
        !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "@/._-:+=,%".utf8.contains(byte)
                }
            }
    }
}
