import SASL
import Synchronization
import Testing

/// A layer that is negotiated in one place and used in another: the compiler has to let a driver do that.
@Suite struct LayerTests {
    /// Stands for a pipeline that one isolation alone touches.
    private actor Pipeline {
        private var codec = SaslLayerCodec(NoSecurityLayer())

        func use(_ codec: consuming sending SaslLayerCodec) { self.codec = codec }
        func write(_ bytes: [UInt8]) throws -> [UInt8] { try codec.encode(bytes) }
    }

    /// What an event loop takes: a closure that is `@Sendable`, in which a codec cannot stand as it is.
    private final class Parcel: Sendable {
        private let codec: Mutex<SaslLayerCodec?>

        init(_ codec: consuming sending SaslLayerCodec) { self.codec = Mutex(consume codec) }
        func open() -> sending SaslLayerCodec? { codec.withLock { $0.take() } }
    }

    private static func session() throws -> SaslSession {
        var session = try SaslSession(PlainMechanism(username: "ann", password: Secret("secret")))
        _ = try session.step(nil)
        _ = try session.step([])
        return session
    }

    @Test func aLayerIsHandedToAnActor() async throws {
        var session = try Self.session()
        let codec = SaslLayerCodec(try session.makeSecurityLayer())
        let pipeline = Pipeline()
        await pipeline.use(codec)
        #expect(try await pipeline.write([1, 2, 3]) == [1, 2, 3])
    }

    @Test func aLayerIsHandedToAClosure() async throws {
        var session = try Self.session()
        let parcel = Parcel(SaslLayerCodec(try session.makeSecurityLayer()))
        let written = try await Task.detached {
            guard var codec = parcel.open() else { return [UInt8]() }
            return try codec.encode([1, 2, 3])
        }.value
        #expect(written == [1, 2, 3])
    }
}
