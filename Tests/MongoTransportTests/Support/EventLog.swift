import MongoTransport
import NIOConcurrencyHelpers
import NameResolution

/// The events of a connect, with the time since the log was created.
final class EventLog: Sendable {
    private let start = ContinuousClock.now
    private let events = NIOLockedValueBox<[(time: Duration, event: TransportEvent)]>([])

    /// To be given to a connect.
    var observe: @Sendable (TransportEvent) -> Void {
        { event in self.events.withLockedValue { $0.append((.now - self.start, event)) } }
    }

    /// The events in words.
    var words: [String] {
        events.withLockedValue { $0 }.map { _, event in
            switch event {
            case .lookUpBegan(let host, let family): "look up \(host) \(Self.word(family))"
            case .lookedUp(let host, let family, let addresses):
                "found \(host) \(Self.word(family)): \(addresses.map(\.description).joined(separator: " "))"
            case .lookUpFailed(let host, let family, _): "not found \(host) \(Self.word(family))"
            case .attemptBegan(let number, let address, _): "begin \(number) \(address)"
            case .attemptEnded(let number, let outcome): "end \(number) \(Self.word(outcome))"
            case .proxyAsked(_, let server): "ask for \(server)"
            case .proxyConnected(_, let server): "tunnel to \(server)"
            case .tlsBegan: "begin TLS"
            case .tlsEnded: "end TLS"
            }
        }
    }

    /// Addresses and outcomes of the attempts: `127.0.0.1 connected`.
    var attempts: [String] {
        began.map { number, address, _, _ in
            "\(address) \(outcomes[number].map(Self.word) ?? "has no end")"
        }
    }

    /// The addresses of all look-ups.
    var addresses: [IPAddress] {
        events.withLockedValue { $0 }.flatMap { _, event -> [IPAddress] in
            guard case .lookedUp(_, _, let addresses) = event else { return [] }
            return addresses
        }
    }

    /// The families of the attempts.
    var families: [IPAddress.Family?] { began.map(\.family) }

    /// When the attempts began.
    var starts: [Duration] { began.map(\.time) }

    /// When an attempt had connected.
    var connected: Duration? {
        events.withLockedValue { $0 }.first { entry in
            if case .attemptEnded(_, .connected) = entry.event { true } else { false }
        }?.time
    }

    private var began: [(number: Int, address: String, family: IPAddress.Family?, time: Duration)] {
        events.withLockedValue { $0 }.compactMap { time, event in
            guard case .attemptBegan(let number, let address, let family) = event else { return nil }
            return (number, address, family, time)
        }
    }

    private var outcomes: [Int: TransportEvent.AttemptOutcome] {
        events.withLockedValue { $0 }.reduce(into: [:]) { outcomes, entry in
            if case .attemptEnded(let number, let outcome) = entry.event { outcomes[number] = outcome }
        }
    }

    private static func word(_ family: IPAddress.Family?) -> String { family.map { "\($0)" } ?? "both" }

    private static func word(_ outcome: TransportEvent.AttemptOutcome) -> String {
        switch outcome {
        case .connected: "connected"
        case .failed(let reason): "failed: \(reason)"
        case .cancelled: "cancelled"
        }
    }
}
