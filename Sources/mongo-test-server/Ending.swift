import Dispatch
import Glibc

/// Waits for a reason to end: SIGTERM, SIGINT, or the end of standard input if requested.
struct Ending {
    private let reasons: AsyncStream<Void>
    private let sources: [any DispatchSourceSignal]

    /// Replaces the default handling of the signals, and starts to watch.
    init(standardInput: Bool) {
        let (reasons, reason) = AsyncStream.makeStream(of: Void.self)
        self.reasons = reasons
        let queue = DispatchQueue(label: "mongo-test-server.ending")
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { reason.finish() }
            source.activate()
            return source
        }
        // Standard output or error may be closed before this process ends.
        signal(SIGPIPE, SIG_IGN)
        if standardInput {
            // A thread of its own, as reading blocks; it ends with the process.
            DispatchQueue(label: "mongo-test-server.input").async {
                var byte: UInt8 = 0
                while true {
                    let count = read(0, &byte, 1)
                    if count == 0 || (count < 0 && errno != EINTR) { break }
                }
                reason.finish()
            }
        }
    }

    /// Returns at the first reason.
    func wait() async {
        for await _ in reasons {}
        for source in sources { source.cancel() }
    }
}
