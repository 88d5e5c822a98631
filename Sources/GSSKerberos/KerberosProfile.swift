internal import CKerberosGSSAPI

/// Settings from the profile library, of all configuration files or of one.
struct KerberosProfile: ~Copyable {
    private let handle: profile_t

    /// The configuration that a context has read.
    ///
    /// - Returns: `nil` if there is none.
    init?(_ library: KerberosLibrary) {
        var profile: profile_t?
        guard krb5_get_profile(library.context, &profile) == 0, let profile else { return nil }
        handle = profile
    }

    /// One file with what it includes.
    ///
    /// - Throws: The code that says why it cannot be read.
    init(file: String) throws(ProfileFailure) {
        var profile: profile_t?
        let code = file.withCString { path in
            var files: [const_profile_filespec_t?] = [path, nil]
            return profile_init(&files, &profile)
        }
        guard code == 0, let profile else { throw ProfileFailure(code: Int32(truncatingIfNeeded: code)) }
        handle = profile
    }

    deinit { profile_release(handle) }

    /// How many values of one setting are read: a file may repeat it arbitrarily.
    private static let mostValues = 1000

    /// All values at a path of sections and a name, in the order of the file.
    func values(_ path: String...) -> [String] {
        let words = path.map { $0.utf8CString.map { UInt8(bitPattern: $0) } }
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { word in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: word.count)
            for (index, byte) in word.enumerated() { copy[index] = CChar(bitPattern: byte) }
            return copy
        }
        defer { for pointer in pointers { pointer?.deallocate() } }
        pointers.append(nil)
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let code = pointers.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: UnsafePointer<CChar>?.self) {
                profile_get_values(handle, $0.baseAddress, &list)
            }
        }
        guard code == 0, let list else { return [] }
        defer { profile_free_list(list) }
        var (values, position) = ([String](), list)
        while let value = position.pointee, values.count < Self.mostValues {
            values.append(String(cString: value))
            position += 1
        }
        return values
    }

    /// A Boolean, in any of the library's spellings.
    func boolean(_ section: String, _ name: String, default value: Bool) -> Bool {
        var answer: Int32 = 0
        guard profile_get_boolean(handle, section, name, nil, value ? 1 : 0, &answer) == 0 else { return value }
        return answer != 0
    }
}

/// Why a file of the configuration cannot be read.
struct ProfileFailure: Error {
    /// The profile library's error code, or the system's.
    var code: Int32
}
