/// Text as one word for `sh` (POSIX, "Shell Command Language", section 2.2). Only the shell's meaning is taken away: what
/// a program makes of a word that begins with `-` is another matter.
package enum ShellWord {
    /// The word as it stands where nothing in it means anything to a shell, else between apostrophes.
    package static func quoted(_ text: String) -> String {
        isPlain(text) ? text : inApostrophes(text)
    }

    /// By scalars: a combining mark behind an apostrophe must not hide it.
    package static func inApostrophes(_ text: String) -> String {
        let parts = text.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false).map(String.init)
        return "'" + parts.joined(separator: "'\\''") + "'"
    }

    /// Whether a word has no character but letters and digits of ASCII and some signs that mean nothing anywhere.
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
