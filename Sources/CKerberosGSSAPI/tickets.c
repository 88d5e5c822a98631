#include "outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static krb5_error_code copy_name(krb5_context context, krb5_const_principal principal, char **copy)
{
    char *name = NULL;
    krb5_error_code code = krb5_unparse_name(context, principal, &name);
    if (code != 0)
        return code;
    *copy = strdup(name);
    krb5_free_unparsed_name(context, name);
    return *copy != NULL ? 0 : ENOMEM;
}

static krb5_error_code copy_full_name(krb5_context context, krb5_ccache cache, char **copy)
{
    char *name = NULL;
    krb5_error_code code = krb5_cc_get_full_name(context, cache, &name);
    if (code != 0)
        return code;
    *copy = strdup(name);
    krb5_free_string(context, name);
    return *copy != NULL ? 0 : ENOMEM;
}

/* Whether a credential is the ticket-granting ticket of the user's own realm. */
static int is_granting(krb5_context context, const krb5_creds *creds, krb5_const_principal client)
{
    krb5_principal granting = NULL;
    const krb5_data *realm = &client->realm;
    int is = 0;
    if (krb5_build_principal_ext(
            context, &granting, realm->length, realm->data, 6, "krbtgt", realm->length, realm->data, 0) == 0)
        is = krb5_principal_compare(context, creds->server, granting);
    krb5_free_principal(context, granting);
    return is;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *next = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ next[i]) * 1099511628211u;
    return hash;
}

/* Reads the times of the ticket-granting ticket, the longest where there are several. */
static krb5_error_code read_times(
    krb5_context context, krb5_ccache cache, krb5_const_principal client, cgss_tickets *tickets)
{
    krb5_cc_cursor cursor;
    krb5_creds creds;
    krb5_timestamp now;
    int64_t end = -1;
    krb5_error_code code = krb5_timeofday(context, &now);
    tickets->age = 0;
    tickets->lifetime = -1;
    tickets->mark = 0;
    if (code == 0)
        code = krb5_cc_start_seq_get(context, cache, &cursor);
    if (code != 0)
        return code;
    while (krb5_cc_next_cred(context, cache, &cursor, &creds) == 0) {
        /* Times are unsigned: they last until 2106. */
        int64_t this_end = (uint32_t)creds.times.endtime;
        if (this_end > end && is_granting(context, &creds, client)) {
            int64_t start = (uint32_t)(creds.times.starttime != 0 ? creds.times.starttime : creds.times.authtime);
            end = this_end;
            tickets->age = (int64_t)(uint32_t)now - start;
            tickets->lifetime = end > (uint32_t)now ? end - (uint32_t)now : 0;
            tickets->mark = mix(14695981039346656037u, &creds.times, sizeof creds.times);
            tickets->mark = mix(tickets->mark, creds.ticket.data, creds.ticket.length);
        }
        krb5_free_cred_contents(context, &creds);
    }
    return krb5_cc_end_seq_get(context, cache, &cursor);
}

krb5_ccache cgss_find_in_collection(krb5_context context, const char *type, krb5_const_principal user)
{
    krb5_cccol_cursor cursor = NULL;
    krb5_ccache cache = NULL, match = NULL;
    /* The caches in memory are those of all the process, not a collection of somebody's. */
    if (strcmp(type, "MEMORY") == 0 || krb5_cccol_cursor_new(context, &cursor) != 0)
        return NULL;
    while (match == NULL && krb5_cccol_cursor_next(context, cursor, &cache) == 0 && cache != NULL) {
        krb5_principal owner = NULL;
        if (strcmp(krb5_cc_get_type(context, cache), type) == 0
            && krb5_cc_get_principal(context, cache, &owner) == 0 && krb5_principal_compare(context, owner, user))
            match = cache;
        else
            krb5_cc_close(context, cache);
        krb5_free_principal(context, owner);
    }
    krb5_cccol_cursor_free(context, &cursor);
    return match;
}

cgss_outcome cgss_copy_tickets(const char *source, const char *user, cgss_tickets *tickets)
{
    cgss_outcome outcome = {0};
    krb5_context context = NULL;
    krb5_ccache origin = NULL, own = NULL;
    krb5_principal wanted = NULL, owner = NULL;
    krb5_error_code code;

    memset(tickets, 0, sizeof *tickets);
    TRY(krb5_init_context, &context);
    if (user != NULL)
        TRY(krb5_parse_name, context, user, &wanted);
    if (source != NULL)
        TRY(krb5_cc_set_default_name, context, source);
    TRY(krb5_cc_default, context, &origin);
    code = krb5_cc_get_principal(context, origin, &owner);
    if (code != 0)
        outcome = failure(context, "krb5_cc_get_principal", code);
    if (wanted != NULL && (code != 0 || !krb5_principal_compare(context, owner, wanted))) {
        krb5_ccache match = cgss_find_in_collection(context, krb5_cc_get_type(context, origin), wanted);
        if (match != NULL) {
            krb5_cc_close(context, origin);
            krb5_free_principal(context, owner);
            owner = NULL;
            origin = match;
            outcome = (cgss_outcome){0};
            TRY(krb5_cc_get_principal, context, origin, &owner);
        } else if (code == 0) {
            outcome = failure(context, "krb5_cc_cache_match", KRB5_CC_NOTFOUND);
            copy_name(context, owner, &tickets->found);
            copy_name(context, wanted, &tickets->principal);
            goto done;
        }
    }
    if (outcome.code != 0)
        goto done;
    TRY(copy_full_name, context, origin, &tickets->origin);
    tickets->has_stamp = cgss_cache_stamp(tickets->origin, &tickets->stamp);
    /* From here on a change shows in the stamp. Until here another kinit may have come between. */
    krb5_free_principal(context, owner);
    owner = NULL;
    TRY(krb5_cc_get_principal, context, origin, &owner);
    if (wanted != NULL && !krb5_principal_compare(context, owner, wanted)) {
        outcome = failure(context, "krb5_cc_cache_match", KRB5_CC_NOTFOUND);
        copy_name(context, owner, &tickets->found);
        copy_name(context, wanted, &tickets->principal);
        goto done;
    }
    TRY(krb5_cc_new_unique, context, "MEMORY", NULL, &own);
    TRY(krb5_cc_initialize, context, own, owner);
    TRY(krb5_cc_copy_creds, context, origin, own);
    /* A cache that a client keytab filled says when: GSS-API would then ask the KDC by itself. */
    krb5_cc_set_config(context, own, NULL, "refresh_time", NULL);
    TRY(read_times, context, own, owner, tickets);
    TRY(copy_name, context, owner, &tickets->principal);
    TRY(copy_full_name, context, own, &tickets->cache);
    krb5_cc_close(context, own);
    own = NULL;
done:
    /* What failed half-way. */
    if (own != NULL)
        krb5_cc_destroy(context, own);
    if (origin != NULL)
        krb5_cc_close(context, origin);
    krb5_free_principal(context, wanted);
    krb5_free_principal(context, owner);
    krb5_free_context(context);
    return outcome;
}

static cgss_outcome verify_tickets(
    krb5_context context, krb5_creds *creds, const char *verify, const char *host_keytab)
{
    cgss_outcome outcome = {0};
    krb5_keytab keytab = NULL;
    krb5_principal service = NULL;
    krb5_verify_init_creds_opt options;
    krb5_verify_init_creds_opt_init(&options);
    krb5_verify_init_creds_opt_set_ap_req_nofail(&options, 1);
    if (host_keytab != NULL)
        TRY(krb5_kt_resolve, context, host_keytab, &keytab);
    else
        TRY(krb5_kt_default, context, &keytab);
    if (verify[0] != '\0')
        TRY(krb5_parse_name, context, verify, &service);
    TRY(krb5_verify_init_creds, context, creds, service, keytab, NULL, &options);
done:
    if (keytab != NULL)
        krb5_kt_close(context, keytab);
    krb5_free_principal(context, service);
    return outcome;
}

cgss_outcome cgss_request_tickets(
    const char *user, const char *password, const char *keytab_name, const char *verify, const char *host_keytab,
    cgss_tickets *tickets)
{
    cgss_outcome outcome = {0};
    krb5_context context = NULL;
    krb5_ccache own = NULL;
    krb5_keytab keytab = NULL;
    krb5_principal client = NULL, owner = NULL;
    krb5_get_init_creds_opt *options = NULL;
    krb5_creds creds;

    memset(tickets, 0, sizeof *tickets);
    memset(&creds, 0, sizeof creds);
    TRY(krb5_init_context, &context);
    TRY(krb5_parse_name, context, user, &client);
    TRY(krb5_cc_new_unique, context, "MEMORY", NULL, &own);
    TRY(krb5_get_init_creds_opt_alloc, context, &options);
    TRY(krb5_get_init_creds_opt_set_out_ccache, context, options, own);
    if (password != NULL) {
        TRY(krb5_get_init_creds_password, context, &creds, client, password, NULL, NULL, 0, NULL, options);
    } else {
        if (keytab_name != NULL)
            TRY(krb5_kt_resolve, context, keytab_name, &keytab);
        else
            TRY(krb5_kt_client_default, context, &keytab);
        TRY(krb5_get_init_creds_keytab, context, &creds, client, keytab, 0, NULL, options);
    }
    if (verify != NULL) {
        outcome = verify_tickets(context, &creds, verify, host_keytab);
        if (outcome.code != 0)
            goto done;
    }
    TRY(krb5_cc_get_principal, context, own, &owner);
    TRY(read_times, context, own, owner, tickets);
    TRY(copy_name, context, owner, &tickets->principal);
    TRY(copy_full_name, context, own, &tickets->cache);
    krb5_cc_close(context, own);
    own = NULL;
done:
    krb5_free_cred_contents(context, &creds);
    if (options != NULL)
        krb5_get_init_creds_opt_free(context, options);
    if (keytab != NULL)
        krb5_kt_close(context, keytab);
    /* What failed half-way. */
    if (own != NULL)
        krb5_cc_destroy(context, own);
    krb5_free_principal(context, client);
    krb5_free_principal(context, owner);
    krb5_free_context(context);
    return outcome;
}

void cgss_free_tickets(cgss_tickets *tickets)
{
    free(tickets->cache);
    free(tickets->principal);
    free(tickets->origin);
    free(tickets->found);
    memset(tickets, 0, sizeof *tickets);
}

void cgss_destroy_cache(const char *name)
{
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    if (krb5_init_context(&context) != 0)
        return;
    if (krb5_cc_resolve(context, name, &cache) == 0)
        krb5_cc_destroy(context, cache);
    krb5_free_context(context);
}

cgss_outcome cgss_tickets_mark(const char *name, uint64_t *mark)
{
    cgss_outcome outcome = {0};
    cgss_tickets tickets = {0};
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    krb5_principal owner = NULL;
    TRY(krb5_init_context, &context);
    TRY(krb5_cc_resolve, context, name, &cache);
    TRY(krb5_cc_get_principal, context, cache, &owner);
    TRY(read_times, context, cache, owner, &tickets);
    *mark = tickets.mark;
done:
    if (cache != NULL)
        krb5_cc_close(context, cache);
    krb5_free_principal(context, owner);
    krb5_free_context(context);
    return outcome;
}
