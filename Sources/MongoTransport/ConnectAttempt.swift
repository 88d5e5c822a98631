internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// One connect to one address, which a task's cancellation ends at once.
///
/// SwiftNIO's connect knows nothing of tasks. The channel is caught in its initializer, before it connects: closing it
/// fails the connect.
final class ConnectAttempt: Sendable {
    private enum State {
        case waiting
        case connecting(any Channel)
        case cancelled
    }

    private let state = NIOLockedValueBox(State.waiting)

    func run(
        group: any EventLoopGroup, deadline: ContinuousClock.Instant,
        _ connect: @Sendable (ClientBootstrap) -> EventLoopFuture<any Channel>
    ) async throws -> any Channel {
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(.until(deadline))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            // Nothing is lost between the connect and the moment at which the last handler is in place.
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                self.take(channel)
                    ? channel.eventLoop.makeSucceededVoidFuture()
                    : channel.eventLoop.makeFailedFuture(CancellationError())
            }
        return try await withTaskCancellationHandler {
            let channel = try await connect(bootstrap).get()
            guard !Task.isCancelled else {
                channel.close(promise: nil)
                throw CancellationError()
            }
            if channel.remoteAddress?.protocol != .unix {
                try? await channel.setOption(.tcpOption(.tcp_nodelay), value: 1).get()
            }
            return channel
        } onCancel: {
            cancel()
        }
    }

    private func take(_ channel: any Channel) -> Bool {
        state.withLockedValue { state in
            guard case .waiting = state else { return false }
            state = .connecting(channel)
            return true
        }
    }

    private func cancel() {
        let channel: (any Channel)? = state.withLockedValue { state in
            defer { state = .cancelled }
            guard case .connecting(let channel) = state else { return nil }
            return channel
        }
        channel?.close(promise: nil)
    }

    /// The system's reason for a failed connect, in a few words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError:
            // NIO's text is "connect(…): reason (errno: n)"; the number is enough to name it.
            error.errnoCode == 0 ? "\(error)" : String(describing: error.systemMessage)
        case is CancellationError:
            "cancelled"
        case ChannelError.connectTimeout:
            "timed out"
        default:
            "\(error)"
        }
    }
}
