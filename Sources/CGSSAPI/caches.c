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
