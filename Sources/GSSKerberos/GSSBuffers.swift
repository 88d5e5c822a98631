internal import CKerberosGSSAPI
internal import GSSCore

/// Bridges between Swift arrays and the C library's buffers: a buffer that the library fills must be released by it, on
/// every path.
enum GSSBuffers {
    /// Lends bytes to a call.
    ///
    /// A copy of them: the parameters are called inputs, but the library unwraps in place, and must
    /// not write to an array that others hold.
    static func withInput<R>(_ bytes: [UInt8], _ body: (UnsafeMutablePointer<gss_buffer_desc>) -> R) -> R {
        var copy = bytes
        return copy.withUnsafeMutableBytes { raw in
            var buffer = gss_buffer_desc(length: raw.count, value: raw.baseAddress)
            return body(&buffer)
        }
    }

    /// Lends optional bytes: `nil` becomes the null buffer.
    static func withOptionalInput<R>(
        _ bytes: [UInt8]?, _ body: (UnsafeMutablePointer<gss_buffer_desc>?) -> R
    ) -> R {
        guard let bytes else { return body(nil) }
        return withInput(bytes, body)
    }

    /// Gives a call an empty buffer to fill, copies what it put there, and releases it.
    ///
    /// - Throws: If the process is ending.
    static func collect<R>(
        _ body: (UnsafeMutablePointer<gss_buffer_desc>) -> R
    ) throws(GSSError) -> (result: R, bytes: [UInt8]) {
        var buffer = gss_buffer_desc(length: 0, value: nil)
        guard ExitGate.enter() else { throw ExitGate.ending }
        defer { ExitGate.leave() }
        let result = body(&buffer)
        let bytes = Array(UnsafeRawBufferPointer(start: buffer.value, count: buffer.value == nil ? 0 : buffer.length))
        var minor: OM_uint32 = 0
        gss_release_buffer(&minor, &buffer)
        return (result, bytes)
    }

    /// Lends an object identifier to a call that only reads it.
    static func withIdentifier<R>(
        _ identifier: GSSObjectIdentifier, _ body: (UnsafeMutablePointer<gss_OID_desc>) -> R
    ) -> R {
        identifier.derContents.withUnsafeBytes { raw in
            var descriptor = gss_OID_desc(
                length: OM_uint32(raw.count), elements: UnsafeMutableRawPointer(mutating: raw.baseAddress))
            return body(&descriptor)
        }
    }

    /// Lends a set of object identifiers.
    static func withIdentifierSet<R>(
        _ identifiers: [GSSObjectIdentifier], _ body: (UnsafeMutablePointer<gss_OID_set_desc>) -> R
    ) -> R {
        func lend(_ rest: ArraySlice<GSSObjectIdentifier>, _ done: [gss_OID_desc]) -> R {
            if let first = rest.first {
                return withIdentifier(first) { lend(rest.dropFirst(), done + [$0.pointee]) }
            }
            var elements = done
            return elements.withUnsafeMutableBufferPointer { elements in
                var set = gss_OID_set_desc(count: elements.count, elements: elements.baseAddress)
                return body(&set)
            }
        }
        return lend(identifiers[...], [])
    }

    /// Lends channel bindings without addresses; the null pointer for none.
    static func withChannelBindings<R>(
        _ bindings: GSSChannelBindings?, _ body: (gss_channel_bindings_t?) -> R
    ) -> R {
        guard let bindings else { return body(nil) }
        return withInput(bindings.applicationData) { data in
            var structure = gss_channel_bindings_struct()
            structure.application_data = data.pointee
            return body(&structure)
        }
    }

    /// Copies an object identifier that the library owns.
    static func identifier(_ pointer: gss_OID?) -> GSSObjectIdentifier {
        guard let descriptor = pointer?.pointee, let elements = descriptor.elements else {
            return GSSObjectIdentifier(derContents: [])
        }
        let bytes = UnsafeRawBufferPointer(start: elements, count: Int(descriptor.length))
        return GSSObjectIdentifier(derContents: Array(bytes))
    }
}
