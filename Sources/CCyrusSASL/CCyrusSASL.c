#include "CCyrusSASL.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_krb5.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The library keeps pointers to these and to the callbacks below for as long as the process lives. */
static char *global_name;
static char *global_keytab;

static int get_option(void *context, const char *plugin, const char *option, const char **result, unsigned *length)
{
    const char *value = NULL;
    (void)context;
    if (plugin != NULL && strcmp(plugin, "GSSAPI") == 0 && strcmp(option, "keytab") == 0)
        value = global_keytab;
    else if (strcmp(option, "sasldb_path") == 0)
        value = "/nonexistent/sasldb"; /* Every user is looked up in the machine's own database otherwise. */
    if (value == NULL)
        return SASL_FAIL;
    *result = value;
    if (length != NULL)
        *length = (unsigned)strlen(value);
    return SASL_OK;
}

static int discard_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
    return SASL_OK;
}

/* The machine's own settings for an application of our name must not change a test's outcome. */
static int no_configuration(void *context, char **path)
{
    (void)context;
    *path = strdup("/nonexistent");
    return *path == NULL ? SASL_NOMEM : SASL_OK;
}

typedef int untyped_callback(void);

static sasl_callback_t global_callbacks[] = {
    {SASL_CB_GETOPT, (untyped_callback *)get_option, NULL},
    {SASL_CB_LOG, (untyped_callback *)discard_log, NULL},
    {SASL_CB_GETCONFPATH, (untyped_callback *)no_configuration, NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

static void *mutex_new(void)
{
    pthread_mutex_t *mutex = malloc(sizeof *mutex);
    if (mutex != NULL && pthread_mutex_init(mutex, NULL) != 0) {
        free(mutex);
        mutex = NULL;
    }
    return mutex;
}

static int mutex_lock(void *mutex)
{
    return mutex != NULL && pthread_mutex_lock(mutex) == 0 ? SASL_OK : SASL_FAIL;
}

static int mutex_unlock(void *mutex)
{
    return mutex != NULL && pthread_mutex_unlock(mutex) == 0 ? SASL_OK : SASL_FAIL;
}

static void mutex_free(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_destroy(mutex);
        free(mutex);
    }
}

static sasl_callback_t connection_callbacks[] = {
    {SASL_CB_PROXY_POLICY, NULL, NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

int ccyrus_server_init(const char *name, const char *keytab, sasl_authorize_t *policy)
{
    if ((global_name = strdup(name)) == NULL || (keytab != NULL && (global_keytab = strdup(keytab)) == NULL))
        return SASL_NOMEM;
    connection_callbacks[0].proc = (untyped_callback *)policy;
    /* Without these the library does not lock at all. */
    sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free);
    return sasl_server_init(global_callbacks, global_name);
}

int ccyrus_server_new(const char *service, const char *host, sasl_conn_t **connection)
{
    *connection = NULL;
    int result = sasl_server_new(service, host, NULL, NULL, NULL, connection_callbacks, 0, connection);
    if (result != SASL_OK)
        return result;
    sasl_security_properties_t no_layer = {.min_ssf = 0, .max_ssf = 0, .maxbufsize = 0};
    result = sasl_setprop(*connection, SASL_SEC_PROPS, &no_layer);
    if (result != SASL_OK)
        sasl_dispose(connection);
    return result;
}

void ccyrus_dispose(sasl_conn_t *connection)
{
    if (connection != NULL)
        sasl_dispose(&connection);
}

const char *ccyrus_authorization_identity(sasl_conn_t *connection)
{
    const void *identity = NULL;
    return sasl_getprop(connection, SASL_USERNAME, &identity) == SASL_OK ? identity : NULL;
}

const char *ccyrus_failure(sasl_conn_t *connection)
{
    return sasl_errdetail(connection);
}

long ccyrus_full_principal(const char *name, size_t name_length, char *principal, size_t capacity)
{
    OM_uint32 minor, ignored;
    gss_name_t imported = GSS_C_NO_NAME, canonical = GSS_C_NO_NAME;
    gss_buffer_desc text = {.length = name_length, .value = (void *)name}, shown = GSS_C_EMPTY_BUFFER;
    long length = -1;

    if (!GSS_ERROR(gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &imported)) &&
        !GSS_ERROR(gss_canonicalize_name(&minor, imported, (gss_OID)gss_mech_krb5, &canonical)) &&
        !GSS_ERROR(gss_display_name(&minor, canonical, &shown, NULL)) && shown.length <= capacity) {
        memcpy(principal, shown.value, shown.length);
        length = (long)shown.length;
    }
    gss_release_buffer(&ignored, &shown);
    gss_release_name(&ignored, &canonical);
    gss_release_name(&ignored, &imported);
    return length;
}
