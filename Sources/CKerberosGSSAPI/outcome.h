/* What all calls of libkrb5 here have in common. */
#ifndef CGSS_OUTCOME_H
#define CGSS_OUTCOME_H

#include "CKerberosGSSAPI.h"

#include <krb5/krb5.h>
#include <stdio.h>

/* Calls a function of libkrb5; where it fails notes which and why, and goes to `done`. */
#define TRY(function, ...)                                          \
    do {                                                            \
        krb5_error_code code_ = function(__VA_ARGS__);              \
        if (code_ != 0) {                                           \
            outcome = failure(context, #function, code_);           \
            goto done;                                              \
        }                                                           \
    } while (0)

static inline cgss_outcome failure(krb5_context context, const char *call, krb5_error_code code)
{
    cgss_outcome outcome = {.code = code, .call = call};
    const char *text = krb5_get_error_message(context, code);
    snprintf(outcome.message, sizeof outcome.message, "%s", text != NULL ? text : "");
    krb5_free_error_message(context, text);
    return outcome;
}

#endif
