import NIOConcurrencyHelpers
import NIOCore

/// Accepted connections that are not served yet.
///
/// A `NIOAsyncChannel` that is released without being closed traps. A stopped listener drops accepted connections
/// that it has not passed on yet, so each is kept here from its start until it is served, or until ``close()``.
final class AcceptedConnections: Sendable {
    private struct State {
        var waiting: [ObjectIdentifier: ClientChannel] = [:]
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())

    /// Wraps a new connection and keeps it. Call it on the channel's event loop.
    ///
    /// - Throws: What wrapping throws, and an error once ``close()`` was called: nothing is wrapped then.
    func wrap(_ channel: any Channel) throws -> ClientChannel {
        // Under the lock, so that none is wrapped after the last ones were taken.
        try state.withLockedValue { state in
            guard !state.isClosed else { throw ChannelError.ioOnClosedChannel }
            let connection = try ClientChannel(
                wrappingChannelSynchronously: channel,
                // The next message is read when the one before is answered.
                configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2)))
            state.waiting[ObjectIdentifier(channel)] = connection
            return connection
        }
    }

    /// Gives a connection to the caller, who must close it.
    ///
    /// - Returns: Whether the caller has it now; otherwise ``close()`` was faster.
    func take(_ connection: ClientChannel) -> Bool {
        state.withLockedValue { $0.waiting.removeValue(forKey: ObjectIdentifier(connection.channel)) != nil }
    }

    /// Closes the connections that were not taken, and refuses new ones.
    func close() async {
        let left = state.withLockedValue { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for connection in left.values {
            try? await connection.executeThenClose { _, _ in }
        }
    }
}
