internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// One connect to one address, which a task's cancellation ends at once.
///
/// SwiftNIO's connect knows nothing of tasks. The channel is caught in its initializer, before it connects: closing it
/// fails the connect.
///
/// The channel is equipped with its handlers there too. A channel that gets them later loses what the server has said
/// and done by then: SwiftNIO reads to the end when a peer closes, whether reading is on or not.
final class ConnectAttempt<Equipment: Sendable>: Sendable {
    /// A connected channel with its equipment.
    struct Connected: Sendable {
        let channel: any Channel
        let equipment: Equipment
    }

    private enum State {
        case waiting
        case connecting(any Channel, Equipment?)
        case cancelled
    }

    private let state = NIOLockedValueBox(State.waiting)

    /// Connects.
    ///
    /// - Parameter equip: Adds handlers to the channel, on its event loop.
    func run(
        to address: SocketAddress, group: any EventLoopGroup,
        equip: @escaping @Sendable (any Channel) throws -> Equipment
    ) async throws -> Connected {
        let bootstrap = ClientBootstrap(group: group)
            // Whoever waits for this knows when to stop, and says so with an error of its own.
            .connectTimeout(.hours(24))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            // Small commands and no pipelining: every write is worth a packet. Already SwiftNIO's default.
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.prepare(channel, equip) }
            }
        return try await withTaskCancellationHandler {
            let channel = try await bootstrap.connect(to: address).get()
            guard !Task.isCancelled, let equipment = equipment() else {
                channel.close(promise: nil)
                throw CancellationError()
            }
            return Connected(channel: channel, equipment: equipment)
        } onCancel: {
            cancel()
        }
    }

    private func prepare(_ channel: any Channel, _ equip: (any Channel) throws -> Equipment) throws {
        let isWanted = state.withLockedValue { state in
            guard case .waiting = state else { return false }
            state = .connecting(channel, nil)
            return true
        }
        guard isWanted else { throw CancellationError() }
        let equipment = try equip(channel)
        state.withLockedValue { state in
            guard case .connecting = state else { return }
            state = .connecting(channel, equipment)
        }
    }

    private func equipment() -> Equipment? {
        state.withLockedValue { state in
            guard case .connecting(_, let equipment) = state else { return nil }
            return equipment
        }
    }

    private func cancel() {
        let channel: (any Channel)? = state.withLockedValue { state in
            defer { state = .cancelled }
            guard case .connecting(let channel, _) = state else { return nil }
            return channel
        }
        channel?.close(promise: nil)
    }
}

/// Says why a connect failed.
enum ConnectFailure {
    /// The system's reason, in a few words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError:
            // SwiftNIO's text has the system's one and the call's name; the first is enough.
            error.errnoCode == 0 ? "\(error)" : error.systemMessage
        case is CancellationError:
            "cancelled"
        case SocketAddressError.unixDomainSocketPathTooLong:
            "the path is too long for a Unix domain socket"
        case let error as TransportError:
            error.message
        default:
            "\(error)"
        }
    }
}
