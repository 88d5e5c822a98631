import ArgumentParser

/// A duration on a command line.
struct TimeLimit: ExpressibleByArgument, CustomStringConvertible {
    /// The duration: more than zero, at most a year.
    let duration: Duration

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let units: [(suffix: String, unit: Duration)] = [
            ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
            ("d", .seconds(86_400)),
        ]
        let match = units.first { argument.hasSuffix($0.suffix) }
        let number = match.map { String(argument.dropLast($0.suffix.count)) } ?? argument
        guard let value = Double(number), value > 0, value <= 31_622_400_000 else { return nil }
        let duration = (match?.unit ?? .seconds(1)) * value
        guard duration <= .seconds(366 * 86_400) else { return nil }
        self.duration = duration
    }

    var description: String {
        duration >= .seconds(1) ? "\(duration.components.seconds)s" : "\(Int(duration / .milliseconds(1)))ms"
    }

    var defaultValueDescription: String { description }
}
