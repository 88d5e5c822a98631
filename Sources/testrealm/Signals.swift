import Dispatch
import Glibc

/// The signals that would end this program, taken over from their default.
///
/// A program that a signal ends cannot stop its realm in good order, so it must not be ended by one.
struct Signals {
    /// Each signal that arrives.
    let arriving: AsyncStream<Int32>
    private let sources: [any DispatchSourceSignal]

    /// Starts to watch. Children start with the default for all signals again.
    init(_ numbers: [Int32]) {
        let (arriving, arrival) = AsyncStream.makeStream(of: Int32.self)
        self.arriving = arriving
        let queue = DispatchQueue(label: "testrealm.signals")
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { arrival.yield(number) }
            source.activate()
            return source
        }
        // Standard output may be closed before us.
        signal(SIGPIPE, SIG_IGN)
    }
}
