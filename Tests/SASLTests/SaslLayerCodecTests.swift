import SASL
import Testing

/// RFC 4422 section 3.7 over a layer that can be seen through.
@Suite struct SaslLayerCodecTests {
    private func codec(_ layer: MarkingLayer = MarkingLayer()) -> SaslLayerCodec { SaslLayerCodec(layer) }

    @Test func aLengthStandsBeforeEachMessage() throws {
        var codec = codec()
        #expect(try codec.encode([1, 2, 3]) == [0, 0, 0, 4, 0xaa, 1, 2, 3])
        #expect(try codec.encode([]) == [])
        #expect(codec.protection == .integrity)
    }

    @Test func moreThanThePeerTakesGoesInPieces() throws {
        var codec = codec(MarkingLayer(plaintext: 2))
        #expect(
            try codec.encode([1, 2, 3, 4, 5]) == [0, 0, 0, 3, 0xaa, 1, 2, 0, 0, 0, 3, 0xaa, 3, 4, 0, 0, 0, 2, 0xaa, 5])
    }

    /// 400,000 bytes in pieces of every size come out as they went in.
    @Test(arguments: [1, 3, 4, 5, 7, 1000, 65_536, 400_000])
    func whatComesInPiecesIsPutTogether(size: Int) throws {
        let message = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var sender = codec()
        var receiver = codec()
        let stream = try sender.encode(message)
        var received: [UInt8] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            received += try receiver.decode(Array(stream[start..<min(start + size, stream.count)]))
        }
        #expect(received == message && !receiver.isInsideMessage)
    }

    @Test func aMessageThatIsCutIsKnown() throws {
        var codec = codec()
        for (bytes, isInside) in [([0, 0], true), ([0, 3, 0xaa], true), ([1, 2], false), ([0], true)]
            as [([UInt8], Bool)]
        {
            _ = try codec.decode(bytes)
            #expect(codec.isInsideMessage == isInside)
        }
    }

    private static let dead: [(bytes: [UInt8], code: SaslError.Code)] = [
        ([0, 0, 0, 0], .securityLayer), ([0xff, 0xff, 0xff, 0xff], .tooLarge), ([0, 0, 4, 1], .tooLarge),
        ([0, 0, 0, 2, 0xab, 1], .securityLayer),
    ]

    /// A length is refused before anything of its message has come; after an error there is nothing more.
    @Test(arguments: dead)
    func anErrorIsTheEnd(bytes: [UInt8], code: SaslError.Code) throws {
        var codec = codec()
        #expect(try codec.decode([0, 0, 0, 2, 0xaa, 7]) == [7])
        do throws(SaslError) {
            _ = try codec.decode(bytes)
            Issue.record("\(bytes) was taken")
        } catch {
            #expect(error.code == code)
        }
        do throws(SaslError) {
            _ = try codec.decode([0, 0, 0, 2, 0xaa, 7])
            Issue.record("a stream that has failed goes on")
        } catch {
            #expect(error.code == .poisoned)
        }
        do throws(SaslError) {
            _ = try codec.encode([1])
            Issue.record("a stream that has failed goes on")
        } catch {
            #expect(error.code == .poisoned)
        }
    }

    @Test func aPeerThatTakesNothing() throws {
        var codec = codec(MarkingLayer(plaintext: 0))
        do throws(SaslError) {
            _ = try codec.encode([1])
            Issue.record("nothing can be sent")
        } catch {
            #expect(error.code == .securityLayer)
        }
    }

    @Test func withoutALayerNothingIsAdded() throws {
        var codec = SaslLayerCodec(NoSecurityLayer())
        #expect(try codec.encode([1, 2]) == [1, 2] && codec.decode([3]) == [3] && !codec.isInsideMessage)
    }
}

/// Puts a mark before each message.
private final class MarkingLayer: SaslSecurityLayer {
    let maximumPlaintextLength: Int

    init(plaintext: Int = 1023) {
        maximumPlaintextLength = plaintext
    }

    var protection: SaslSecurityLayers { .integrity }
    var maximumCiphertextLength: Int { 1024 }

    func wrap(_ message: [UInt8]) throws(SaslError) -> [UInt8] { [0xaa] + message }

    func unwrap(_ message: [UInt8]) throws(SaslError) -> [UInt8] {
        guard message.first == 0xaa else { throw SaslError(.securityLayer, "not protected") }
        return Array(message.dropFirst())
    }
}
