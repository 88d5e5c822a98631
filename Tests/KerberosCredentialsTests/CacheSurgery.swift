import CKerberosGSSAPI
import Foundation
import TestSupport

/// Opens a cache with the C library, and closes it.
private func withCache(_ name: String, _ body: (krb5_context?, krb5_ccache?) throws -> Void) throws {
    var context: krb5_context?
    var cache: krb5_ccache?
    guard krb5_init_context(&context) == 0 else { throw TestSupportError("no Kerberos configuration") }
    defer { krb5_free_context(context) }
    guard krb5_cc_resolve(context, name, &cache) == 0 else { throw TestSupportError("\(name) cannot be opened") }
    defer { krb5_cc_close(context, cache) }
    try body(context, cache)
}

private func check(_ code: krb5_error_code, _ what: String) throws {
    if code != 0 { throw TestSupportError("\(what): \(code)") }
}

/// Marks a cache as created by a service on its user's behalf.
func setImpersonator(_ service: String, in cache: String) throws {
    try withCache(cache) { context, handle in
        try service.withCString { text in
            var data = krb5_data()
            data.length = UInt32(service.utf8.count)
            data.data = UnsafeMutablePointer(mutating: text)
            try check(krb5_cc_set_config(context, handle, nil, "proxy_impersonator", &data), "krb5_cc_set_config")
        }
    }
}

/// Removes a cache's tickets, as `kinit` does at first.
func emptyCache(_ name: String) throws {
    try withCache(name) { context, cache in
        var owner: krb5_principal?
        try check(krb5_cc_get_principal(context, cache, &owner), "krb5_cc_get_principal")
        defer { krb5_free_principal(context, owner) }
        try check(krb5_cc_initialize(context, cache, owner), "krb5_cc_initialize")
    }
}

/// Makes the tickets for a service in a cache older.
///
/// - Parameter service: The principal, in the default realm.
func ageTickets(for service: String, in name: String, by seconds: Int32) throws {
    try withCache(name) { context, cache in
        var owner: krb5_principal?
        var server: krb5_principal?
        try check(krb5_cc_get_principal(context, cache, &owner), "krb5_cc_get_principal")
        defer { krb5_free_principal(context, owner) }
        try check(krb5_parse_name(context, service, &server), "krb5_parse_name")
        defer { krb5_free_principal(context, server) }
        var entries: [krb5_creds] = []
        defer { for index in entries.indices { krb5_free_cred_contents(context, &entries[index]) } }
        var cursor: krb5_cc_cursor?
        try check(krb5_cc_start_seq_get(context, cache, &cursor), "krb5_cc_start_seq_get")
        var entry = krb5_creds()
        while krb5_cc_next_cred(context, cache, &cursor, &entry) == 0 { entries.append(entry) }
        krb5_cc_end_seq_get(context, cache, &cursor)
        try check(krb5_cc_initialize(context, cache, owner), "krb5_cc_initialize")
        for index in entries.indices {
            if krb5_principal_compare_any_realm(context, entries[index].server, server) != 0 {
                entries[index].times.authtime -= seconds
                entries[index].times.starttime -= seconds
            }
            try check(krb5_cc_store_cred(context, cache, &entries[index]), "krb5_cc_store_cred")
        }
    }
}

/// Copies a cache. All its tickets get this end, and a ticket for a service, which the KDC need not be asked for.
///
/// - Parameter clockOffset: By how many seconds the KDC's clock is ahead, as the new cache says.
func copyCache(_ name: String, to other: String, endTime: Int32, clockOffset: Int32) throws {
    try withCache(name) { context, cache in
        var (owner, copy): (krb5_principal?, krb5_ccache?)
        try check(krb5_cc_get_principal(context, cache, &owner), "krb5_cc_get_principal")
        defer { krb5_free_principal(context, owner) }
        var entries: [krb5_creds] = []
        defer { for index in entries.indices { krb5_free_cred_contents(context, &entries[index]) } }
        var cursor: krb5_cc_cursor?
        try check(krb5_cc_start_seq_get(context, cache, &cursor), "krb5_cc_start_seq_get")
        var entry = krb5_creds()
        while krb5_cc_next_cred(context, cache, &cursor, &entry) == 0 { entries.append(entry) }
        krb5_cc_end_seq_get(context, cache, &cursor)
        let time = krb5_timestamp(truncatingIfNeeded: Int64(Date().timeIntervalSince1970) + Int64(clockOffset))
        try check(krb5_set_real_time(context, time, 0), "krb5_set_real_time")
        try check(krb5_cc_resolve(context, other, &copy), "krb5_cc_resolve")
        defer { krb5_cc_close(context, copy) }
        try check(krb5_cc_initialize(context, copy, owner), "krb5_cc_initialize")
        for index in entries.indices {
            entries[index].times.endtime = endTime
            try check(krb5_cc_store_cred(context, copy, &entries[index]), "krb5_cc_store_cred")
        }
    }
}

/// How many bytes a cache in a file has.
func fileSize(_ cache: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: String(cache.dropFirst("FILE:".count)))[.size] as? Int ?? 0
}
