#include "CKerberosGSSAPI.h"

#include <errno.h>
#include <krb5/krb5.h>
#include <stdio.h>

int32_t cgss_host_realm(
    const char *host, char *realm, size_t realm_capacity, char *message, size_t message_capacity)
{
    krb5_context context = NULL;
    char **realms = NULL;
    krb5_error_code code = krb5_init_context(&context);
    if (code == 0)
        code = krb5_get_host_realm(context, host, &realms);
    if (code == 0) {
        const char *first = realms != NULL && realms[0] != NULL ? realms[0] : "";
        int length = snprintf(realm, realm_capacity, "%s", first);
        if (length < 0 || (size_t)length >= realm_capacity)
            code = ENAMETOOLONG;
    }
    if (code != 0) {
        const char *text = krb5_get_error_message(context, code);
        snprintf(message, message_capacity, "%s", text != NULL ? text : "");
        krb5_free_error_message(context, text);
    }
    if (realms != NULL)
        krb5_free_host_realm(context, realms);
    krb5_free_context(context);
    return code;
}

/* Exported by libkrb5 for its own programs; the header does not have them. */
extern krb5_error_code krb5_get_default_config_files(char ***files);
extern void krb5_free_config_files(char **files);

char **cgss_configuration_files(void)
{
    char **files = NULL;
    return krb5_get_default_config_files(&files) == 0 ? files : NULL;
}

void cgss_free_configuration_files(char **files)
{
    if (files != NULL)
        krb5_free_config_files(files);
}
