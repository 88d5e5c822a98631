#include "CGSSAcceptor.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <krb5.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct acceptor_keys {
    gss_cred_id_t credential;
};

static void complain(const char *call, OM_uint32 major, OM_uint32 minor) {
    OM_uint32 ignored, more = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    gss_display_status(&ignored, minor, GSS_C_MECH_CODE, GSS_C_NO_OID, &more, &text);
    fprintf(stderr, "%s: %08x %.*s\n", call, major, (int)text.length, (const char *)text.value);
    gss_release_buffer(&ignored, &text);
}

// Copies the keys, so that contexts do not read the file.
static int copy_keys(const char *from, const char *to) {
    krb5_context context;
    if (krb5_init_context(&context)) return -1;
    krb5_keytab source = NULL, copy = NULL;
    krb5_kt_cursor cursor;
    krb5_keytab_entry entry;
    int failed = krb5_kt_resolve(context, from, &source) || krb5_kt_resolve(context, to, &copy)
        || krb5_kt_start_seq_get(context, source, &cursor);
    if (!failed) {
        while (!failed && krb5_kt_next_entry(context, source, &entry, &cursor) == 0) {
            failed = krb5_kt_add_entry(context, copy, &entry) != 0;
            krb5_free_keytab_entry_contents(context, &entry);
        }
        krb5_kt_end_seq_get(context, source, &cursor);
    }
    // `copy` stays open: an in-memory keytab lasts only while it is open.
    if (source) krb5_kt_close(context, source);
    return failed ? -1 : 0;
}

struct acceptor_keys *acceptor_keys_load(const char *keytab) {
    static atomic_int count;
    char name[64];
    snprintf(name, sizeof name, "MEMORY:acceptor-%d", atomic_fetch_add(&count, 1));
    if (copy_keys(keytab, name) != 0) {
        fprintf(stderr, "the keytab %s cannot be read\n", keytab);
        return NULL;
    }
    struct acceptor_keys *keys = calloc(1, sizeof *keys);
    if (!keys) return NULL;
    gss_key_value_element_desc elements[] = {{"keytab", name}, {"rcache", "none:"}};
    gss_key_value_set_desc store = {2, elements};
    OM_uint32 minor;
    OM_uint32 major = gss_acquire_cred_from(
        &minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT, &store, &keys->credential, NULL, NULL);
    if (GSS_ERROR(major)) {
        complain("gss_acquire_cred_from", major, minor);
        free(keys);
        return NULL;
    }
    return keys;
}

static int give(gss_buffer_desc *token, uint8_t **output, size_t *length) {
    OM_uint32 minor;
    *output = NULL;
    *length = token->length;
    int status = ACCEPTOR_MORE;
    if (token->length) {
        *output = malloc(token->length);
        if (*output) {
            memcpy(*output, token->value, token->length);
        } else {
            status = ACCEPTOR_FAILED;
        }
    }
    gss_release_buffer(&minor, token);
    return status;
}

int acceptor_step(
    struct acceptor_keys *keys, struct acceptor *acceptor, const uint8_t *input, size_t length, uint8_t **output,
    size_t *outputLength
) {
    OM_uint32 minor, major;
    gss_buffer_desc in = {length, (void *)input}, out = GSS_C_EMPTY_BUFFER;
    *output = NULL;
    *outputLength = 0;
    switch (acceptor->stage) {
    case 0:
        major = gss_accept_sec_context(
            &minor, (gss_ctx_id_t *)&acceptor->context, keys->credential, &in, GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL,
            &out, NULL, NULL, NULL);
        if (GSS_ERROR(major)) {
            complain("gss_accept_sec_context", major, minor);
            return ACCEPTOR_FAILED;
        }
        if (major == GSS_S_COMPLETE) acceptor->stage = 1;
        // Without mutual authentication there would be no token, and the offer would follow here; no client requests that.
        return give(&out, output, outputLength);
    case 1: {
        static const uint8_t offer[4] = {1, 0, 0, 0};
        gss_buffer_desc clear = {sizeof offer, (void *)offer};
        if (length != 0) return ACCEPTOR_FAILED;
        major = gss_wrap(&minor, acceptor->context, 0, GSS_C_QOP_DEFAULT, &clear, NULL, &out);
        if (GSS_ERROR(major)) return ACCEPTOR_FAILED;
        acceptor->stage = 2;
        return give(&out, output, outputLength);
    }
    case 2: {
        major = gss_unwrap(&minor, acceptor->context, &in, &out, NULL, NULL);
        if (GSS_ERROR(major)) return ACCEPTOR_FAILED;
        int fine = out.length >= 4 && ((const uint8_t *)out.value)[0] == 1;
        gss_release_buffer(&minor, &out);
        acceptor->stage = 3;
        return fine ? ACCEPTOR_DONE : ACCEPTOR_FAILED;
    }
    default: return ACCEPTOR_FAILED;
    }
}

void acceptor_free(uint8_t *output) { free(output); }

void acceptor_reset(struct acceptor *acceptor) {
    OM_uint32 minor;
    if (acceptor->context) gss_delete_sec_context(&minor, (gss_ctx_id_t *)&acceptor->context, GSS_C_NO_BUFFER);
    acceptor->context = NULL;
    acceptor->stage = 0;
}
