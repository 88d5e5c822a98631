internal import CKerberosGSSAPI
internal import GSSCore

extension GSSMajorStatus {
    /// Returns the supplementary information of a call that succeeded, or throws.
    ///
    /// The library keeps the text of a minor status for the calling thread only and until the next failure, so the
    /// texts are fetched here, at once.
    @discardableResult
    static func check(
        _ call: String, _ major: OM_uint32, _ minor: OM_uint32, subject: String? = nil
    ) throws(GSSError) -> Information {
        let status = GSSMajorStatus(rawValue: major)
        guard status.isError else { return status.information }
        throw GSSError(
            call: call, major: status, minor: minor,
            majorMessages: messages(for: major, type: cgss_status_type_major()),
            minorMessages: minor == 0 ? [] : messages(for: minor, type: cgss_status_type_minor()),
            subject: subject)
    }

    /// All messages for a status code: the library hands them out one at a time.
    private static func messages(for status: OM_uint32, type: Int32) -> [String] {
        var messages: [String] = []
        var position: OM_uint32 = 0
        repeat {
            var minor: OM_uint32 = 0
            let answer = try? GSSBuffers.collect { buffer in
                GSSBuffers.withIdentifier(.kerberos5) { mechanism in
                    gss_display_status(&minor, status, type, mechanism, &position, buffer)
                }
            }
            guard let (major, bytes) = answer, major == cgss_status_complete() else { break }
            let text = String(decoding: bytes, as: UTF8.self)
            // MIT answers "Success" if a minor status has no text.
            if !text.isEmpty, text != "Success" { messages.append(text) }
        } while position != 0 && messages.count < 16
        return messages
    }
}
