/* MIT Kerberos' GSS-API for Swift, and the few things of it that Swift cannot import by itself. */
#ifndef CKERBEROSGSSAPI_H
#define CKERBEROSGSSAPI_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <profile.h>
#include <stddef.h>
#include <stdint.h>

/* Swift imports no constant that is a cast expression. */
static inline OM_uint32 cgss_status_complete(void) { return GSS_S_COMPLETE; }
static inline OM_uint32 cgss_lifetime_indefinite(void) { return GSS_C_INDEFINITE; }
static inline int cgss_status_type_major(void) { return GSS_C_GSS_CODE; }
static inline int cgss_status_type_minor(void) { return GSS_C_MECH_CODE; }
static inline gss_qop_t cgss_default_qop(void) { return GSS_C_QOP_DEFAULT; }

/*
 * Writes the realm that the configuration maps a host to ([domain_realm]), empty where it leaves that to the KDC.
 * Neither follows aliases nor looks up addresses. Returns 0, or a Kerberos error code with its text in `message`.
 */
int32_t cgss_host_realm(
    const char *host, char *realm, size_t realm_capacity, char *message, size_t message_capacity);

/* How a call of libkrb5 ended. */
typedef struct {
    int32_t code;        /* 0, or a Kerberos error code */
    const char *call;    /* the function that failed; not to be freed */
    char message[512];   /* its text */
} cgss_outcome;

/* What a file is known by: another kinit changes some of it. */
typedef struct {
    uint64_t device, inode, size;
    int64_t seconds, nanoseconds;
} cgss_stamp;

/* The tickets of one user, in a MEMORY cache that only the one who has its name finds. */
typedef struct {
    char *cache;         /* its full name */
    char *principal;     /* whose tickets they are */
    char *origin;        /* the full name of the cache that they were copied from; NULL where a KDC gave them */
    int64_t age;         /* for how many seconds the ticket-granting ticket has been valid */
    int64_t lifetime;    /* for how many seconds more; -1 where there is none */
    uint64_t mark;       /* tells one ticket-granting ticket from another */
    int has_stamp;       /* whether the origin is a file */
    cgss_stamp stamp;    /* what that was known by before it was read */
    char *found;         /* after a failure for want of the user's tickets: whose there are, with
                          * the user's full name as the principal */
} cgss_tickets;

/*
 * Each gives what is to be given to cgss_free_tickets, also after a failure. Principals are as a person writes them,
 * without a realm in the default one.
 *
 * cgss_copy_tickets: from the cache `source` (NULL is the default one) if it is of `user`, else from the cache of `user`
 * in the collection that `source` is of. NULL takes the cache as it is.
 *
 * cgss_request_tickets: from a KDC, with a password, or without one with a keytab (NULL is the default client keytab).
 * `verify` is NULL, or a principal in `host_keytab` (empty is any) whose key must open a ticket from the same KDC.
 */
cgss_outcome cgss_copy_tickets(const char *source, const char *user, cgss_tickets *tickets);
cgss_outcome cgss_request_tickets(
    const char *user, const char *password, const char *keytab, const char *verify, const char *host_keytab,
    cgss_tickets *tickets);
void cgss_free_tickets(cgss_tickets *tickets);
/* The cache of a user in the collection that is the context's default, of its type; NULL where there is none. */
krb5_ccache cgss_find_in_collection(krb5_context context, const char *type, krb5_const_principal user);
/* Wipes a cache and removes it. */
void cgss_destroy_cache(const char *cache);

/* The mark of a cache's ticket-granting ticket. */
cgss_outcome cgss_tickets_mark(const char *cache, uint64_t *mark);
/* Whether the cache is a file, and what that is known by. */
int cgss_cache_stamp(const char *cache, cgss_stamp *stamp);
int cgss_same_stamp(cgss_stamp one, cgss_stamp other);

/*
 * Finds a service's ticket in a cache, or unless `cached_only` asks a KDC for it and keeps it there. `lifetime` is how
 * many seconds it lasts.
 */
cgss_outcome cgss_get_ticket(const char *cache, const char *service, int cached_only, int64_t *lifetime);
/* Puts a service's ticket from one cache into another of the same user, unless it has one. */
cgss_outcome cgss_save_ticket(const char *cache, const char *service, const char *origin);
/*
 * Asks a KDC for another ticket of a service and puts it in the place of the one in a cache, which stays there until then;
 * and into `origin` too, unless that is NULL, somebody else's meanwhile, or cannot be written.
 */
cgss_outcome cgss_replace_ticket(const char *cache, const char *service, const char *origin, int64_t *lifetime);
/* Whether the keytab (NULL is the default client keytab) has a key of the user. */
int cgss_keytab_has(const char *keytab, const char *user);
/* Overwrites memory in a way that no optimizer removes. */
void cgss_wipe(void *memory, size_t count);
/* The name of a status code in its header, for example KRB5_FCC_NOFILE; NULL for one that has none. */
const char *cgss_kerberos_error_name(int32_t code);

/*
 * The configuration files that the library looks for, in its order, as a list that ends with NULL; release it with
 * cgss_free_configuration_files. NULL where they cannot be told.
 */
char **cgss_configuration_files(void);
void cgss_free_configuration_files(char **files);

#endif
