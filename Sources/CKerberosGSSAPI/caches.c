#define _GNU_SOURCE
#include "outcome.h"

#include <string.h>
#include <sys/stat.h>

int cgss_cache_stamp(const char *name, cgss_stamp *stamp)
{
    struct stat status;
    const char *path = NULL;
    if (strncmp(name, "FILE:", 5) == 0)
        path = name + 5;
    else if (strncmp(name, "DIR::", 5) == 0)
        path = name + 5;
    if (path == NULL || stat(path, &status) != 0)
        return 0;
    *stamp = (cgss_stamp){
        .device = status.st_dev, .inode = status.st_ino, .size = (uint64_t)status.st_size,
        .seconds = status.st_mtim.tv_sec, .nanoseconds = status.st_mtim.tv_nsec,
    };
    return 1;
}

int cgss_same_stamp(cgss_stamp one, cgss_stamp other)
{
    return one.device == other.device && one.inode == other.inode && one.size == other.size
        && one.seconds == other.seconds && one.nanoseconds == other.nanoseconds;
}

static cgss_outcome get_ticket(
    krb5_context context, krb5_ccache cache, const char *service, krb5_flags flags, krb5_creds **creds)
{
    cgss_outcome outcome = {0};
    krb5_creds wanted;
    memset(&wanted, 0, sizeof wanted);
    TRY(krb5_cc_get_principal, context, cache, &wanted.client);
    TRY(krb5_parse_name, context, service, &wanted.server);
    TRY(krb5_get_credentials, context, flags, cache, &wanted, creds);
done:
    krb5_free_cred_contents(context, &wanted);
    return outcome;
}

cgss_outcome cgss_get_ticket(const char *name, const char *service, int cached_only, int64_t *lifetime)
{
    cgss_outcome outcome = {0};
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    krb5_creds *creds = NULL;
    krb5_timestamp now;
    TRY(krb5_init_context, &context);
    TRY(krb5_cc_resolve, context, name, &cache);
    outcome = get_ticket(context, cache, service, cached_only ? KRB5_GC_CACHED : 0, &creds);
    if (outcome.code != 0)
        goto done;
    TRY(krb5_timeofday, context, &now);
    *lifetime = (int64_t)(uint32_t)creds->times.endtime - (uint32_t)now;
done:
    krb5_free_creds(context, creds);
    if (cache != NULL)
        krb5_cc_close(context, cache);
    krb5_free_context(context);
    return outcome;
}

cgss_outcome cgss_save_ticket(const char *name, const char *service, const char *origin_name)
{
    cgss_outcome outcome = {0};
    krb5_context context = NULL;
    krb5_ccache cache = NULL, origin = NULL;
    krb5_principal owner = NULL;
    krb5_creds *creds = NULL, *present = NULL;
    TRY(krb5_init_context, &context);
    TRY(krb5_cc_resolve, context, name, &cache);
    TRY(krb5_cc_resolve, context, origin_name, &origin);
    outcome = get_ticket(context, cache, service, KRB5_GC_CACHED, &creds);
    if (outcome.code != 0)
        goto done;
    /* Somebody else may have taken the cache over meanwhile. */
    TRY(krb5_cc_get_principal, context, origin, &owner);
    if (!krb5_principal_compare(context, owner, creds->client)
        || get_ticket(context, origin, service, KRB5_GC_CACHED, &present).code == 0)
        goto done;
    TRY(krb5_cc_store_cred, context, origin, creds);
done:
    krb5_free_creds(context, creds);
    krb5_free_creds(context, present);
    krb5_free_principal(context, owner);
    if (cache != NULL)
        krb5_cc_close(context, cache);
    if (origin != NULL)
        krb5_cc_close(context, origin);
    krb5_free_context(context);
    return outcome;
}

/* Whether a ticket is for a service, one without a realm in any. */
static int is_for(krb5_context context, const krb5_creds *creds, krb5_const_principal service)
{
    return service->realm.length == 0 ? krb5_principal_compare_any_realm(context, creds->server, service)
                                      : krb5_principal_compare(context, creds->server, service);
}

/* Copies the tickets for a service from one cache into another, or all the others. */
static krb5_error_code copy_some(
    krb5_context context, krb5_ccache from, krb5_ccache to, krb5_const_principal service, int others)
{
    krb5_cc_cursor cursor;
    krb5_creds creds;
    krb5_error_code code = krb5_cc_start_seq_get(context, from, &cursor);
    if (code != 0)
        return code;
    while (code == 0 && krb5_cc_next_cred(context, from, &cursor, &creds) == 0) {
        if (is_for(context, &creds, service) != others) {
            /* The same service can be there by the name that was asked for and by its own. */
            if (!others)
                krb5_cc_remove_cred(context, to, 0, &creds);
            code = krb5_cc_store_cred(context, to, &creds);
        }
        krb5_free_cred_contents(context, &creds);
    }
    krb5_cc_end_seq_get(context, from, &cursor);
    return code;
}

cgss_outcome cgss_replace_ticket(const char *name, const char *service, const char *origin_name, int64_t *lifetime)
{
    cgss_outcome outcome = {0};
    krb5_context context = NULL;
    krb5_ccache cache = NULL, fresh = NULL, origin = NULL;
    krb5_principal owner = NULL, other = NULL, wanted = NULL;
    krb5_creds *creds = NULL;
    krb5_timestamp now;
    TRY(krb5_init_context, &context);
    TRY(krb5_parse_name, context, service, &wanted);
    TRY(krb5_cc_resolve, context, name, &cache);
    TRY(krb5_cc_get_principal, context, cache, &owner);
    TRY(krb5_cc_new_unique, context, "MEMORY", NULL, &fresh);
    TRY(krb5_cc_initialize, context, fresh, owner);
    TRY(copy_some, context, cache, fresh, wanted, 1);
    outcome = get_ticket(context, fresh, service, 0, &creds);
    if (outcome.code != 0)
        goto done;
    TRY(copy_some, context, fresh, cache, wanted, 0);
    TRY(krb5_timeofday, context, &now);
    *lifetime = (int64_t)(uint32_t)creds->times.endtime - (uint32_t)now;
    if (origin_name != NULL && krb5_cc_resolve(context, origin_name, &origin) == 0
        && krb5_cc_get_principal(context, origin, &other) == 0 && krb5_principal_compare(context, owner, other))
        copy_some(context, fresh, origin, wanted, 0);
done:
    krb5_free_creds(context, creds);
    krb5_free_principal(context, wanted);
    krb5_free_principal(context, owner);
    krb5_free_principal(context, other);
    if (fresh != NULL)
        krb5_cc_destroy(context, fresh);
    if (cache != NULL)
        krb5_cc_close(context, cache);
    if (origin != NULL)
        krb5_cc_close(context, origin);
    krb5_free_context(context);
    return outcome;
}

int cgss_keytab_has(const char *name, const char *user)
{
    krb5_context context = NULL;
    krb5_keytab keytab = NULL;
    krb5_principal principal = NULL;
    krb5_keytab_entry entry;
    int has = 0;
    if (krb5_init_context(&context) == 0 && krb5_parse_name(context, user, &principal) == 0
        && (name != NULL ? krb5_kt_resolve(context, name, &keytab) : krb5_kt_client_default(context, &keytab)) == 0
        && krb5_kt_get_entry(context, keytab, principal, 0, 0, &entry) == 0) {
        krb5_free_keytab_entry_contents(context, &entry);
        has = 1;
    }
    if (keytab != NULL)
        krb5_kt_close(context, keytab);
    krb5_free_principal(context, principal);
    krb5_free_context(context);
    return has;
}

void cgss_wipe(void *memory, size_t count)
{
    explicit_bzero(memory, count);
}
