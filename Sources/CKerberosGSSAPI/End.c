#include "CKerberosGSSAPI.h"

#include <stdatomic.h>

static _Atomic(void (*)(void)) handler;
static atomic_bool has_ended;

bool cgss_at_end(void (*new_handler)(void))
{
    atomic_store(&handler, new_handler);
    return !atomic_load(&has_ended);
}

/* Whatever needs the library is ended before it. One of the two sees what the other has stored. */
__attribute__((destructor)) static void end(void)
{
    atomic_store(&has_ended, true);
    void (*own)(void) = atomic_load(&handler);
    if (own) own();
}
