internal import SecretMemory

/// Unicode normalization form KC, version 3.2.0, as RFC 3454 section 4 prescribes it.
///
/// The standard library has no public normalization, and Foundation's would bring Foundation and ICU into every client.
/// The tables have corrigendum 4 applied (five rare ideographs), like ICU, which MongoDB's servers use. Combining
/// classes are the standard library's: Unicode never changes those of assigned scalars.
package enum Normalization {
    /// Normalizes scalars that are assigned in Unicode 3.2.
    package static func compatibilityComposed(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var decomposed: [Unicode.Scalar] = []
        for scalar in scalars { decompose(scalar, into: &decomposed) }
        reorder(&decomposed)
        let composed = compose(decomposed)
        wipe(&decomposed)
        return composed
    }

    // MARK: Decomposition

    private static func decompose(_ scalar: Unicode.Scalar, into result: inout [Unicode.Scalar]) {
        if let syllable = Hangul.decompose(scalar) {
            result += syllable
        } else if let mapping = tables.decompositions[scalar] {
            // The table has single steps; no chain of them is longer than a few.
            for next in mapping { decompose(next, into: &result) }
        } else {
            result.append(scalar)
        }
    }

    /// Sorts every run of combining marks by class, keeping the order within a class.
    private static func reorder(_ scalars: inout [Unicode.Scalar]) {
        var index = 1
        while index < scalars.count {
            let current = combiningClass(scalars[index])
            if current != 0, combiningClass(scalars[index - 1]) > current {
                scalars.swapAt(index - 1, index)
                if index > 1 { index -= 1 }
            } else {
                index += 1
            }
        }
    }

    // MARK: Composition

    private static func compose(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        /// The position of the last starter in the result.
        var starter: Int?
        for scalar in scalars {
            let current = combiningClass(scalar)
            if let starter {
                // Blocked if a mark of the same or a higher class, or another starter, is between.
                let between = result.count - 1 > starter ? result.last.map(combiningClass) ?? 0 : nil
                let isBlocked = between.map { $0 == 0 || $0 >= current } ?? false
                if !isBlocked, let composite = composite(result[starter], scalar) {
                    result[starter] = composite
                    continue
                }
            }
            if current == 0 { starter = result.count }
            result.append(scalar)
        }
        return result
    }

    private static func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        Hangul.compose(first, second) ?? tables.composites[Pair(first: first, second: second)]
    }

    private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
        scalar.properties.canonicalCombiningClass.rawValue
    }

    // MARK: Tables

    private struct Pair: Hashable {
        var first: Unicode.Scalar
        var second: Unicode.Scalar
    }

    private struct Tables {
        var decompositions: [Unicode.Scalar: [Unicode.Scalar]] = [:]
        var composites: [Pair: Unicode.Scalar] = [:]
    }

    private static let tables = readTables()

    private static func readTables() -> Tables {
        var tables = Tables()
        var next: UInt32 = 0
        for entry in decompositionData.split(separator: " ") {
            guard let sign = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else { continue }
            if sign > entry.startIndex { next = UInt32(entry[..<sign], radix: 16) ?? next }
            let (list, count) = repetition(entry[entry.index(after: sign)...])
            let mapping = list.split(separator: ",").compactMap { UInt32($0, radix: 16) }
            for offset in 0..<count {
                let scalars = mapping.compactMap { Unicode.Scalar($0 + offset) }
                if let scalar = Unicode.Scalar(next) {
                    tables.decompositions[scalar] = scalars
                    if entry[sign] == ":", let first = scalars.first, let second = scalars.last {
                        tables.composites[Pair(first: first, second: second)] = scalar
                    }
                }
                next += 1
            }
        }
        return tables
    }

    private static func repetition(_ text: Substring) -> (list: Substring, count: UInt32) {
        guard let star = text.firstIndex(of: "*") else { return (text, 1) }
        return (text[..<star], UInt32(text[text.index(after: star)...], radix: 16) ?? 1)
    }
}

/// The arithmetic of Hangul syllables (Unicode 3.2, section 3.12).
private enum Hangul {
    static let syllables: UInt32 = 0xAC00
    static let leading: UInt32 = 0x1100
    static let vowels: UInt32 = 0x1161
    static let trailing: UInt32 = 0x11A7
    static let leadingCount: UInt32 = 19
    static let vowelCount: UInt32 = 21
    static let trailingCount: UInt32 = 28

    static func decompose(_ scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        guard scalar.value >= syllables, scalar.value - syllables < leadingCount * vowelCount * trailingCount else {
            return nil
        }
        let index = scalar.value - syllables
        let parts = [
            leading + index / (vowelCount * trailingCount),
            vowels + index / trailingCount % vowelCount,
            trailing + index % trailingCount,
        ]
        return (index % trailingCount == 0 ? parts.dropLast() : parts[...]).compactMap(Unicode.Scalar.init)
    }

    static func compose(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        let (first, second) = (first.value, second.value)
        if first >= leading, first - leading < leadingCount, second >= vowels, second - vowels < vowelCount {
            return Unicode.Scalar(
                syllables + ((first - leading) * vowelCount + (second - vowels)) * trailingCount)
        }
        if first >= syllables, first - syllables < leadingCount * vowelCount * trailingCount,
            (first - syllables) % trailingCount == 0, second > trailing, second - trailing < trailingCount
        {
            return Unicode.Scalar(first + (second - trailing))
        }
        return nil
    }
}
