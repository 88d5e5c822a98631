/*
 * A web service that acts for a user who came without a ticket, as Apache's mod_auth_gssapi does: it asks the KDC for the
 * user's ticket to itself (S4U2Self), and leaves it in a cache from which GSS-API gets tickets for other services
 * (S4U2Proxy).
 *
 *     impersonate KEYTAB SERVICE_CACHE USER CACHE
 */
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *call, OM_uint32 major, const OM_uint32 *minor) {
    OM_uint32 ignored, context = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (!GSS_ERROR(major)) return;
    gss_display_status(&ignored, *minor, GSS_C_MECH_CODE, (gss_OID)gss_mech_krb5, &context, &text);
    fprintf(stderr, "%s: %u, %.*s\n", call, major, (int)text.length, (char *)text.value);
    exit(1);
}

int main(int count, char **words) {
    OM_uint32 minor = 0;
    gss_cred_id_t service = GSS_C_NO_CREDENTIAL, user = GSS_C_NO_CREDENTIAL;
    gss_name_t name = GSS_C_NO_NAME;
    gss_OID_set_desc mechanisms = {1, (gss_OID)gss_mech_krb5};
    if (count != 5) return 64;
    gss_key_value_element_desc from[] = {{"client_keytab", words[1]}, {"keytab", words[1]}, {"ccache", words[2]}};
    gss_key_value_element_desc to[] = {{"ccache", words[4]}};
    gss_key_value_set_desc source = {3, from}, target = {1, to};
    gss_buffer_desc text = {strlen(words[3]), words[3]};
    check("gss_acquire_cred_from",
          gss_acquire_cred_from(&minor, GSS_C_NO_NAME, 0, &mechanisms, GSS_C_BOTH, &source, &service, NULL, NULL), &minor);
    check("gss_import_name", gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &name), &minor);
    check("gss_acquire_cred_impersonate_name",
          gss_acquire_cred_impersonate_name(&minor, service, name, 0, &mechanisms, GSS_C_INITIATE, &user, NULL, NULL),
          &minor);
    check("gss_store_cred_into",
          gss_store_cred_into(&minor, user, GSS_C_INITIATE, (gss_OID)gss_mech_krb5, 1, 1, &target, NULL, NULL), &minor);
    return 0;
}
