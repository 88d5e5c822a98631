#include "CGSSAPI.h"
